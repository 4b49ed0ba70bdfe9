import * as pulumi from "@pulumi/pulumi";
import type { FirstBootMaker } from "../../../components/sites/firstBoot";
import { GcpSite, type GcpSiteArgs } from "../../../components/sites/gcp";
import { group } from "../../../policies/inputs";
import { resourceRules } from "../../../policies/rules";
import { parseSettings } from "../../../settings/parse";
import { gcpSettings } from "../settings/fixtures";
import { connectionTo, privateKey } from "./fixtures";
import { named, plain, recordRegistrations, type Registered, Secret, valueOf, visible } from "./recorder";

const bootstrapKey = "a-host-key-for-the-first-boot-that-nobody-may-see";
const peerAddress = "203.0.113.10";

/** What Google answers: addresses, and links that tell what they lead to. */
function answer(type: string, name: string): Record<string, unknown> {
  if (type.endsWith("/address:Address")) {
    return { address: name.includes("gw2") ? "198.51.100.11" : "198.51.100.10" };
  }
  if (type.endsWith("/account:Account")) return { email: `${name}@example` };
  return { selfLink: `link to ${name}` };
}

const firstBoot: FirstBootMaker = (host, { sshPort }) => ({
  user: "deploy",
  authorizedKey: "ssh-ed25519 AAAAdeploy",
  userData: pulumi.secret(`#cloud-config for ${host} with ${bootstrapKey}`),
  connectionTo: ({ address, machine }) =>
    pulumi
      .all([address, machine])
      .apply(([dialled]) => connectionTo(host, { host: dialled, port: sshPort, user: "deploy" })),
});

async function made(
  set: Record<string, unknown> = {},
  args: Partial<GcpSiteArgs> = {},
  options?: pulumi.ComponentResourceOptions,
  common: Partial<GcpSiteArgs["settings"]> = {},
): Promise<{ site: GcpSite; all: readonly Registered[] }> {
  const registrations = await recordRegistrations(answer);
  const { gcp, ...others } = parseSettings(gcpSettings(set)).sites["la"]!;
  const site = new GcpSite(
    "la",
    {
      settings: { ...others, gcp: gcp!, ...common },
      ...{ stack: "prod", labels: { team: "edge" }, protect: true },
      peer: { publicAddress: pulumi.output(peerAddress), cidr: "10.20.0.0/24" },
      ...{ sshFrom: ["192.0.2.0/24"], sshPort: 22, firstBoot },
      ...args,
    },
    options,
  );
  await Promise.all([valueOf(site.urn), ...site.gateways.map(({ connection }) => valueOf(connection))]);
  return { site, all: await registrations() };
}

const everything = {
  gateways: 2,
  hosts: [{ name: "app1", privateAddress: "10.10.0.10" }],
  network: { flowLogs: {} },
  ssh: { iap: true },
};

const ofType = (all: readonly Registered[], type: string): Registered[] =>
  all.filter((resource) => resource.type.endsWith(`:${type}`));

/** The plan, in an order that doesn't depend on who was quicker. */
function planOf(all: readonly Registered[]): unknown[] {
  return [...all].sort((a, b) => (a.name < b.name ? -1 : 1)).map(planned);
}

/** A registration as a plan shows it. */
function planned({ type, name, parent, inputs, protect, ignoreChanges }: Registered): unknown {
  const shown = JSON.parse(visible({ inputs } as Registered)) as { inputs: unknown };
  return { type, name, parent, protect, ignoreChanges, inputs: shown.inputs };
}

test("one gateway: every resource with its inputs", async () => {
  const { all } = await made();
  expect(planOf(all)).toMatchSnapshot();
});

test("two gateways, a host, the backup path and a service address: every resource with its inputs", async () => {
  const { all } = await made(everything, { backupPort: 8443, vip: "10.0.0.100" });
  expect(planOf(all)).toMatchSnapshot();
});

test("children carry their parent's name and are parented to it", async () => {
  const { all } = await made(everything);
  for (const { name, parent } of all.filter((resource) => resource.name !== "la")) {
    expect(name.startsWith(`${parent}-`)).toBe(true);
    expect(parent).not.toBe("");
  }
});

test("everything that is made carries stack and site in its name, and is in the project of the settings", async () => {
  const { all } = await made(everything, { vip: "10.0.0.100" });
  const made_ = all.filter(({ type }) => type.startsWith("gcp:"));
  expect(made_.length).toBeGreaterThan(20);
  for (const { inputs } of made_) {
    expect(inputs["accountId"] ?? inputs["name"]).toMatch(/^prod-la(-|$)/);
    expect(inputs["project"]).toBe("my-project");
  }
});

test("all that takes labels has the program's and the operator's", async () => {
  const { all } = await made(everything);
  const expected = { team: "edge", "managed-by": "crossborder", stack: "prod", site: "la" };
  const labelled = ["Address", "Disk", "Instance", "ForwardingRule"].flatMap((type) => ofType(all, type));
  expect(labelled.length).toBe(2 + 3 + 3 + 1);
  for (const { inputs } of labelled) expect(inputs["labels"]).toMatchObject(expected);
  const [policy] = ofType(all, "ResourcePolicy");
  expect(policy!.inputs["snapshotSchedulePolicy"]).toMatchObject({
    snapshotProperties: { labels: expected },
  });
});

test("what is made in production violates no policy", async () => {
  const { all } = await made(everything, { backupPort: 8443, vip: "10.0.0.100" });
  const violations = all.flatMap(({ type, name, inputs, protect }) => {
    const resource = { type, name, inputs: group(plain(inputs)), protect };
    return resourceRules.flatMap((rule) => rule.check(resource, { production: true }));
  });
  expect(violations).toEqual([]);
});

test("the peer's public address opens the firewall, and no rule is for everybody", async () => {
  const { all } = await made(everything, { backupPort: 8443 });
  for (const rule of ["ike", "icmp", "backup"]) {
    const { inputs, dependencies } = named(all, `la-network-${rule}`);
    expect(inputs["sourceRanges"]).toEqual([`${peerAddress}/32`]);
    expect(inputs["targetTags"]).toEqual(["prod-la-gateway"]);
    expect(dependencies).toContain("la-network-vpc");
  }
  expect(named(all, "la-network-ssh").inputs["sourceRanges"]).toEqual(["192.0.2.0/24"]);
  expect(JSON.stringify(ofType(all, "Firewall"))).not.toContain("0.0.0.0/0");
});

test("with one gateway the routes lead to it", async () => {
  const { all } = await made({}, { vip: "10.0.0.100" });
  expect(ofType(all, "Route").map(({ inputs }) => [inputs["destRange"], inputs["nextHopInstance"]])).toEqual([
    ["10.20.0.0/24", "link to la-gw1-instance"],
    ["10.0.0.100/32", "link to la-gw1-instance"],
  ]);
  expect(named(all, "la-gw1-instance").inputs["canIpForward"]).toBe(true);
  expect(ofType(all, "ForwardingRule")).toEqual([]);
});

test("with two they lead to a load balancer, which prefers the first, whose health it asks where Google may ask", async () => {
  const { site, all } = await made({ gateways: 2 });
  const [route] = ofType(all, "Route");
  expect(route!.inputs["nextHopIlb"]).toBe("link to la-routes-rule");
  expect(named(all, "la-routes-rule").inputs).toMatchObject({
    backendService: "la-routes-backend-id",
    ipAddress: "10.10.0.4",
    ipProtocol: "L3_DEFAULT",
    allPorts: true,
  });
  expect(named(all, "la-routes-backend").inputs).toMatchObject({
    protocol: "UNSPECIFIED",
    healthChecks: "la-routes-check-id",
    backends: [
      { group: "la-routes-gw1-id", failover: false },
      { group: "la-routes-gw2-id", failover: true },
    ],
  });
  const instances = ["gw1", "gw2"].map((name) => named(all, `la-routes-${name}`).inputs["instances"]);
  expect(instances).toEqual([["link to la-gw1-instance"], ["link to la-gw2-instance"]]);
  const { tcpHealthCheck } = named(all, "la-routes-check").inputs as { tcpHealthCheck: { port: number } };
  const ranges = named(all, "la-network-google-179").inputs["sourceRanges"];
  expect(site.admits).toEqual([{ from: ranges, port: tcpHealthCheck.port }]);
});

test("a gateway is reached at its own static address, by the connection that its first boot made", async () => {
  const { site, all } = await made({ gateways: 2 });
  expect(await valueOf(site.publicAddress)).toBe("198.51.100.10");
  expect(site.gateways.map(({ name, privateAddress, underlay }) => [name, privateAddress, underlay])).toEqual(
    [
      ["la-gw1", "10.10.0.2", { interface: "ens4", mtu: 1460 }],
      ["la-gw2", "10.10.0.3", { interface: "ens4", mtu: 1460 }],
    ],
  );
  expect((await valueOf(site.gateways[1]!.connection)).host).toBe("198.51.100.11");
  const { inputs } = named(all, "la-gw2-instance");
  expect(inputs["networkInterfaces"]).toMatchObject([
    { networkIp: "10.10.0.3", accessConfigs: [{ natIp: "198.51.100.11", networkTier: "PREMIUM" }] },
  ]);
});

test("a host has no public address, forwards nothing, and reaches the Internet by NAT", async () => {
  const { site, all } = await made({ hosts: everything.hosts });
  const { inputs } = named(all, "la-app1-instance");
  expect(inputs).toMatchObject({ canIpForward: false, tags: ["prod-la-host"] });
  expect(JSON.stringify(inputs)).not.toContain("natIp");
  expect(ofType(all, "RouterNat")).toHaveLength(1);
  expect(site.hosts).toEqual([{ name: "la-app1", privateAddress: "10.10.0.10" }]);
  expect(ofType((await made()).all, "RouterNat")).toEqual([]);
});

test("addresses, disks and machines are protected, unless the settings say otherwise", async () => {
  const guarded = (all: readonly Registered[]): string[] =>
    all.filter(({ protect }) => protect).map(({ name }) => name);
  expect(guarded((await made()).all)).toEqual(["la-gw1-address", "la-gw1-disk", "la-gw1-instance"]);
  const { all } = await made({}, { protect: false });
  expect(guarded(all)).toEqual([]);
  expect(named(all, "la-gw1-instance").inputs["deletionProtection"]).toBe(false);
});

test("another machine by its number has a machine and a disk of its own, which come in the place of the former", async () => {
  const { all } = await made(everything, {}, undefined, { machines: { gw1: 3 } });
  for (const [name, number] of [
    ["la-gw1", 3],
    ["la-gw2", 1],
    ["la-app1", 1],
  ] as const) {
    for (const part of ["instance", "disk"]) {
      const { replacementTrigger, deleteBeforeReplace } = named(all, `${name}-${part}`);
      expect([name, replacementTrigger, deleteBeforeReplace]).toEqual([name, number, true]);
    }
  }
  expect(named(all, "la-gw1-address").replacementTrigger).toBeUndefined();
});

test("a newer image or other user data touch no machine that stands", async () => {
  const { all } = await made();
  expect(named(all, "la-gw1-disk").ignoreChanges).toEqual(["image"]);
  expect(named(all, "la-gw1-instance").ignoreChanges).toEqual(['metadata["user-data"]']);
  expect(named(all, "la-gw1-instance").inputs).not.toHaveProperty("metadataStartupScript");
  expect(named(all, "la-gw1-instance").inputs["bootDisk"]).toEqual({
    source: "link to la-gw1-disk",
    autoDelete: false,
  });
});

test("user data is a secret, on its way and on its way back", async () => {
  const { site, all } = await made(everything);
  const instance = named(all, "la-gw1-instance");
  const metadata = instance.inputs["metadata"] as Record<string, unknown>;
  expect(plain(metadata)).toMatchObject({ "user-data": expect.stringContaining(bootstrapKey) });
  expect(instance.additionalSecretOutputs).toContain("metadata");
  expect(metadata instanceof Secret || metadata["user-data"] instanceof Secret).toBe(true);
  expect(all.filter((resource) => visible(resource).includes(bootstrapKey))).toEqual([]);
  expect(all.filter((resource) => visible(resource).includes(privateKey))).toEqual([]);
  expect(await pulumi.isSecret(site.publicAddress)).toBe(false);
});

test("keys in metadata are for the deployment's login; OS Login takes their place", async () => {
  const metadataOf = async (osLogin: boolean): Promise<unknown> =>
    plain(named((await made({ ssh: { osLogin } })).all, "la-gw1-instance").inputs["metadata"]);
  expect(await metadataOf(false)).toMatchObject({
    "block-project-ssh-keys": "TRUE",
    "enable-oslogin": "FALSE",
    "ssh-keys": "deploy:ssh-ed25519 AAAAdeploy",
  });
  const metadata = await metadataOf(true);
  expect(metadata).toMatchObject({ "enable-oslogin": "TRUE" });
  expect(metadata).not.toHaveProperty("ssh-keys");
});

test("no machine stands before its firewall and its way to the Internet do", async () => {
  const { all } = await made(everything, { backupPort: 8443 });
  const before = ["ssh", "ike", "icmp", "backup", "internal", "from-peer", "nat"];
  for (const machine of ["gw1", "gw2", "app1"]) {
    expect(named(all, `la-${machine}-instance`).dependencies).toEqual(
      expect.arrayContaining(before.map((name) => `la-network-${name}`)),
    );
  }
});

test("machines run as an account of their own, which is granted nothing", async () => {
  const { all } = await made();
  expect(named(all, "la-gw1-instance").inputs["serviceAccount"]).toMatchObject({
    email: "la-account@example",
  });
  expect(all.filter(({ type }) => /iam/i.test(type))).toEqual([]);
});

test("each disk has its snapshots, or none has", async () => {
  const { all } = await made(everything);
  const attached = ofType(all, "DiskResourcePolicyAttachment");
  expect(attached.map(({ inputs }) => [inputs["name"], inputs["disk"]])).toEqual(
    ["gw1", "gw2", "app1"].map((name) => ["prod-la-snapshots", `prod-la-${name}`]),
  );
  const without = (await made({ snapshots: "off" })).all;
  expect(ofType(without, "ResourcePolicy")).toEqual([]);
  expect(ofType(without, "DiskResourcePolicyAttachment")).toEqual([]);
});

test("Hyperdisk is provisioned, a persistent disk isn't", async () => {
  const disk = { type: "hyperdisk-balanced", iops: 6000, throughputMiBps: 280 };
  const { all } = await made({ machineType: "n4-standard-4", disk });
  expect(named(all, "la-gw1-disk").inputs).toMatchObject({
    type: "hyperdisk-balanced",
    provisionedIops: 6000,
    provisionedThroughput: 280,
  });
  const persistent = named((await made()).all, "la-gw1-disk").inputs;
  expect(persistent).toMatchObject({ type: "pd-ssd", size: 100 });
  expect(persistent).not.toHaveProperty("provisionedIops");
});

test("options of a site reach the engine", async () => {
  const { all } = await made({}, {}, { aliases: [{ name: "west" }] });
  expect(named(all, "la").aliases).toEqual(["west"]);
});
