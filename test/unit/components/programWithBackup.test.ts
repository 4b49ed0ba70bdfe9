import * as pulumi from "@pulumi/pulumi";
import { KEEPER_CONFIGURATION } from "../../../components/backup/unit";
import { FIREWALL_FILE } from "../../../components/link/firewall/nftables";
import { stackOutputs, type StackOutputs } from "../../../outputs/contract";
import { rawServices } from "../backup/fixtures";
import { privateKey, privateKeyLine, validSettings } from "../settings/fixtures";
import { fileOf, requestOf } from "./fixtures";
import { named, type Registered, valueOf, visible } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

const webhook = "https://hooks.example.com/a-token-that-nobody-may-see";
const authorityKey = "an-authority's-key-that-nobody-may-see";
const figures = { p50: 160.2, p95: 161, p99: 162, jitter: 0.3 };
const gateways = ["la-gw1", "sg-gw1"];

/** What the providers answer. */
function answer(type: string, name: string): Record<string, unknown> {
  if (type.startsWith("random:")) return { base64: "a2V5" };
  if (type.endsWith(":CertificateAuthority"))
    return { certificate: "an authority\n", privateKey: authorityKey };
  if (type.endsWith(":LeafCertificate"))
    return { certificate: `leaf of ${name}\n`, serial: "1", notBefore: "then", notAfter: "later" };
  if (type.endsWith(":TunnelRtt"))
    return {
      verdict: "up",
      rttMs: figures,
      underlayRttMs: figures,
      lossPercent: 0,
      encrypted: true,
      measuredAt: "now",
    };
  return type === "command:remote:Command" ? { stdout: `request of ${name}` } : {};
}

let all: readonly Registered[];
let outputs: ProgramOutputs;

beforeAll(async () => {
  const settings = {
    ...validSettings(),
    services: rawServices,
    backup: { port: 9443, drainSeconds: 60 },
    sshPrivateKey: privateKey,
    webhook,
  };
  ({ all, outputs } = await runProgram(settings, answer));
});

test("the backup path is a component of its own, with one remote command for each gateway", () => {
  const children = all.filter(({ parent }) => parent === "backup");
  expect(children.map(({ type, name }) => [type, name])).toEqual(
    gateways.map((host) => ["command:remote:Command", `backup-${host}`]),
  );
  expect(named(all, "backup")).toMatchObject({ type: "crossborder:index:BackupPath", parent: "" });
});

test("it comes after the link's commit and its gateway's certificate, and the gate after it", () => {
  for (const host of gateways) {
    const command = named(all, `backup-${host}`);
    expect(requestOf(command).op).toBe("apply");
    expect(command.dependencies).toEqual(
      expect.arrayContaining(["link-commit", ...gateways.map((name) => `certificates-${name}`)]),
    );
  }
  expect(named(all, "link-rtt").dependencies).toEqual(
    expect.arrayContaining(gateways.map((host) => `backup-${host}`)),
  );
});

test.each([
  ["la", "sg"],
  ["sg", "la"],
])("the proxy of %s accepts the certificate of %s's gateway alone, and shows its own", (local, peer) => {
  const request = requestOf(named(all, `backup-${local}-gw1`));
  const clusters = fileOf(request, "/etc/crossborder/proxy.d/clusters.json");
  expect(clusters).toContain(`"exact": "${peer}-gw1.crossborder.internal"`);
  expect(clusters).not.toContain(`"exact": "${local}-gw1.crossborder.internal"`);
  const leaf = fileOf(request, "/etc/crossborder/proxy.d/secret-leaf.json");
  expect(leaf).toContain(`/etc/crossborder/pki/${local}-gw1/leaf.pem`);
});

test.each(["la", "sg"])("what the settings say reaches the keeper and the firewall of %s", (site) => {
  const keeper = JSON.parse(
    fileOf(requestOf(named(all, `backup-${site}-gw1`)), KEEPER_CONFIGURATION),
  ) as object;
  expect(keeper).toMatchObject({ site, drainSeconds: 60, webhook });
  const firewall = fileOf(requestOf(named(all, `link-${site}-gw1`)), FIREWALL_FILE);
  expect(firewall).toContain("tcp dport 9443 accept");
});

test("the proxy's group may read the key", () => {
  for (const host of gateways)
    expect(JSON.stringify(requestOf(named(all, `certificates-${host}`)).manifest)).toContain(
      "crossborder-tls",
    );
});

test("nothing that is visible of any resource holds a secret", () => {
  for (const secret of [privateKeyLine, webhook, authorityKey])
    expect(all.filter((resource) => visible(resource).includes(secret))).toEqual([]);
});

test("the outputs name the services, and all that each host was given", async () => {
  const values = Object.fromEntries(
    await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name, await valueOf(output)])),
  ) as StackOutputs;
  const { backup, hosts } = stackOutputs.parse(values);
  expect(backup).toEqual({
    port: 9443,
    drainSeconds: 60,
    services: [
      { name: "postgres", localPort: 15432, listen: "gateway", sites: ["la", "sg"] },
      { name: "vault", localPort: 8300, listen: "site", sites: ["sg"] },
    ],
  });
  expect(await pulumi.isSecret(outputs.backup)).toBe(false);
  expect(hosts.map(({ name, components }) => [name, components.map(({ component }) => component)])).toEqual(
    gateways.map((host) => [host, ["link", "pki", "backup"]]),
  );
});
