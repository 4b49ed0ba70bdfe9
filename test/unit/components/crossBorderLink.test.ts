import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { CrossBorderLink, type CrossBorderLinkArgs } from "../../../components/link/crossBorderLink";
import { HEALTH_CONFIGURATION } from "../../../components/link/health/unit";
import { CONNECTIONS_FILE, SECRETS_FILE } from "../../../components/link/ipsec/swanctl";
import { linkFactsSchema } from "../../../providers/probes/facts";
import { validSettings, withValue } from "../settings/fixtures";
import { connectionTo, fileOf, privateKey, requestOf, sitesOf } from "./fixtures";
import { named, recordRegistrations, type Registered, valueOf, visible } from "./recorder";

const webhook = "https://hooks.example.com/a-token-that-nobody-may-see";

/** The random provider's answer; the key of each resource tells its name. */
const keyOf = (name: string): string => Buffer.from(`key-of-${name}`).toString("base64");

async function linked(
  set: {
    raw?: Readonly<Record<string, unknown>>;
    args?: Partial<CrossBorderLinkArgs>;
    /** Name of the primary. */
    primary?: string;
    options?: () => pulumi.ComponentResourceOptions;
  } = {},
): Promise<{ link: CrossBorderLink; all: readonly Registered[] }> {
  const registrations = await recordRegistrations((type, name) =>
    type.startsWith("random:") ? { base64: keyOf(name) } : {},
  );
  const { settings, sites } = sitesOf(set.raw ?? validSettings());
  const link = new CrossBorderLink(
    "link",
    {
      primary: sites.find(({ name }) => name === (set.primary ?? "la"))!,
      secondary: sites.find(({ name }) => name !== (set.primary ?? "la"))!,
      link: settings.link,
      gate: settings.gate,
      health: settings.health,
      sshFrom: settings.access.sshFrom,
      sshPort: settings.access.sshPort,
      ...set.args,
    },
    set.options?.(),
  );
  await Promise.all([valueOf(link.urn), valueOf(link.fingerprint), valueOf(link.facts)]);
  return { link, all: await registrations() };
}

test("its children carry its name and are parented to it", async () => {
  const { all } = await linked();
  const children = all.filter(({ name }) => !["la", "sg", "link"].includes(name));
  expect(children.map(({ type, name, parent }) => [type, name, parent])).toEqual([
    ["random:index/randomBytes:RandomBytes", "link-psk-1", "link"],
    ["command:remote:Command", "link-la-gw1", "link"],
    ["command:remote:Command", "link-sg-gw1", "link"],
    ["pulumi-nodejs:dynamic/crossborder:HostCommit", "link-commit", "link"],
  ]);
  expect(named(all, "link")).toMatchObject({ type: "crossborder:index:CrossBorderLink", parent: "" });
});

test("both gateways stage before the commit, and neither waits for the other", async () => {
  const { all } = await linked();
  expect(named(all, "link-la-gw1").dependencies).toEqual(["link-psk-1"]);
  expect(named(all, "link-sg-gw1").dependencies).toEqual(["link-psk-1"]);
  expect(named(all, "link-commit").dependencies).toEqual(
    expect.arrayContaining(["link-la-gw1", "link-sg-gw1"]),
  );
  for (const name of ["link-la-gw1", "link-sg-gw1"]) expect(requestOf(named(all, name)).op).toBe("stage");
});

test("there is one key of 256 bits for each number that is sent or accepted", async () => {
  const { all } = await linked({ raw: withValue(["link", "ipsec", "psk"], { send: 2, accept: [1, 3] }) });
  const keys = all.filter(({ type }) => type.startsWith("random:"));
  expect(keys.map(({ name }) => name).sort()).toEqual(["link-psk-1", "link-psk-2", "link-psk-3"]);
  expect(keys.map(({ inputs }) => inputs)).toEqual(Array(3).fill({ length: 32 }));

  for (const host of ["link-la-gw1", "link-sg-gw1"]) {
    const blocks = fileOf(requestOf(named(all, host)), SECRETS_FILE).matchAll(
      /(ike-[a-z]+)[^{]*\{[^}]*secret = 0s(\S+)/g,
    );
    expect([...blocks].map(([, block, key]) => [block, key])).toEqual([
      ["ike-current", keyOf("link-psk-2")],
      ["ike-accepted", keyOf("link-psk-1")],
      ["ike-accepted", keyOf("link-psk-3")],
    ]);
  }
});

test.each(["la", "sg"])(
  "with %s as primary, its gateway alone starts IKE and has the first address",
  async (primary) => {
    const secondary = primary === "la" ? "sg" : "la";
    const { link, all } = await linked({ primary });
    const start = (site: string) =>
      /start_action = (.*)/.exec(fileOf(requestOf(named(all, `link-${site}-gw1`)), CONNECTIONS_FILE))?.[1];
    expect([start(primary), start(secondary)]).toEqual(["trap|start", "none"]);
    expect(await valueOf(link.primary)).toMatchObject({
      site: primary,
      linkAddress: "10.255.0.1",
      initiator: true,
    });
    expect(await valueOf(link.secondary)).toMatchObject({
      site: secondary,
      linkAddress: "10.255.0.2",
      initiator: false,
    });
  },
);

test("what needs to be known to measure it is a secret, and as the gate wants it", async () => {
  const { link } = await linked({ raw: withValue(["link", "bfd"], "off") });
  expect(await pulumi.isSecret(link.facts)).toBe(true);
  const facts = await valueOf(link.facts);
  expect(linkFactsSchema.strict().parse(facts)).toEqual(facts);
  expect(facts).toMatchObject({
    initiator: { host: "la-gw1", connection: connectionTo("la-gw1") },
    responder: { host: "sg-gw1", connection: connectionTo("sg-gw1") },
    mtu: 1380,
    bfd: false,
    budgetMs: 190,
    credentialsMarker: SECRETS_FILE,
  });
});

test("its fingerprint names both generations, tells no secret, and changes with a change of either end", async () => {
  const before = await linked();
  const generations = ["link-la-gw1", "link-sg-gw1"].map(
    (name) => requestOf(named(before.all, name)).generation,
  );
  expect(await valueOf(before.link.fingerprint)).toBe(generations.join("+"));
  expect(await pulumi.isSecret(before.link.fingerprint)).toBe(false);

  const after = await linked({ raw: withValue(["link", "mtu"], 1300) });
  expect(await valueOf(after.link.fingerprint)).not.toBe(await valueOf(before.link.fingerprint));
});

test("whoever waits for the fingerprint waits for the commit", async () => {
  const registrations = await recordRegistrations();
  const { settings, sites } = sitesOf(validSettings());
  const link = new CrossBorderLink("link", {
    primary: sites[0]!,
    secondary: sites[1]!,
    link: settings.link,
    gate: settings.gate,
    health: settings.health,
    sshFrom: settings.access.sshFrom,
    sshPort: settings.access.sshPort,
  });
  const after = new command.local.Command("after", { create: link.fingerprint });
  await valueOf(after.urn);
  expect(named(await registrations(), "after").dependencies).toContain("link-commit");
});

test("the webhook goes into a file for root alone, and nowhere else", async () => {
  const { all } = await linked({ args: { webhook } });
  for (const name of ["link-la-gw1", "link-sg-gw1"]) {
    const request = requestOf(named(all, name));
    const holders = request.manifest.files.filter(({ content }) => content.includes(webhook));
    expect(holders.map(({ path, mode }) => [path, mode])).toEqual([[HEALTH_CONFIGURATION, "0600"]]);
    expect(JSON.stringify({ ...request.manifest, files: [] })).not.toContain(webhook);
  }
});

test("nothing that is visible of any resource holds a secret", async () => {
  const { all } = await linked({ args: { webhook } });
  for (const secret of [webhook, privateKey, keyOf("link-psk-1")]) {
    expect(all.filter((resource) => visible(resource).includes(secret))).toEqual([]);
  }
});

test("providers reach the children, and aliases and parents the engine", async () => {
  const { all } = await linked({
    options: () => ({
      parent: new pulumi.ComponentResource("test:index:Parent", "parent"),
      providers: { command: new command.Provider("own") },
      aliases: [{ name: "former" }],
    }),
  });
  expect(named(all, "link")).toMatchObject({ parent: "parent", aliases: ["former"] });
  expect(named(all, "link-la-gw1")).toMatchObject({ provider: "own", parent: "link" });
  expect(named(all, "link-sg-gw1")).toMatchObject({ provider: "own", parent: "link" });
});

test("a site without a gateway is named", async () => {
  await recordRegistrations();
  const { settings, sites } = sitesOf(validSettings());
  const [primary, secondary] = sites;
  const args = {
    primary: primary!,
    secondary: { ...secondary!, name: "sg", gateways: [] },
    link: settings.link,
    gate: settings.gate,
    health: settings.health,
    sshFrom: [],
    sshPort: 22,
  };
  expect(() => new CrossBorderLink("link", args)).toThrow("site sg has no gateway to carry the link");
});
