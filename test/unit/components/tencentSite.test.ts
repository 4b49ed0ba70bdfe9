import * as pulumi from "@pulumi/pulumi";
import type { FirstBootArgs, FirstBootMaker } from "../../../components/sites/firstBoot";
import { TencentSite, type TencentSiteArgs } from "../../../components/sites/tencent";
import { group } from "../../../policies/inputs";
import { resourceRules } from "../../../policies/rules";
import { parseSettings } from "../../../settings/parse";
import { schemaFile } from "../../../toolchain/sdk/generate";
import { PackageSchema, schemaInFile } from "../../../toolchain/standIns/packageSchema";
import { tencentSettings } from "../settings/fixtures";
import { connectionTo, privateKey } from "./fixtures";
import {
  named,
  plain,
  recordRegistrations,
  type Registered,
  Secret,
  UNKNOWN,
  valueOf,
  visible,
} from "./recorder";

const bootstrapKey = "a-host-key-for-the-first-boot-that-nobody-may-see";
const peerAddress = "198.51.100.10";
const schema = new PackageSchema(schemaInFile(schemaFile));

/** What Tencent answers: addresses, disks, names. */
function answer(type: string, name: string): Record<string, unknown> {
  if (type.endsWith(":Eip")) return { publicIp: name.includes("gw2") ? "203.0.113.11" : "203.0.113.10" };
  if (type.endsWith(":Instance")) return { systemDiskId: `disk of ${name}` };
  if (type.endsWith(":Ga2GlobalAccelerator")) return { cname: "accelerated.example" };
  if (type.endsWith(":Ga2Listener")) return { listenerId: `listener ${name}` };
  return {};
}

const image = (imageId: string, createdTime: string) => ({
  ...{ imageId, createdTime, architecture: "x86_64", supportCloudInit: true },
});
const images = [image("img-older", "2025-01-02T00:00:00Z"), image("img-newest", "2026-03-04T00:00:00Z")];

const firstBoot: FirstBootMaker = (host) => ({
  user: "deploy",
  authorizedKey: "ssh-ed25519 AAAAdeploy",
  userData: pulumi.secret(`#cloud-config for ${host} with ${bootstrapKey}`),
  connectionTo: ({ address, machine }) =>
    pulumi
      .all([address, machine])
      .apply(([dialled, id]) => connectionTo(host, { host: dialled, port: 22, user: `deploy at ${id}` })),
});

const calls: { token: string; inputs: unknown }[] = [];

async function made(
  tencentSet: Record<string, unknown> = {},
  args: Partial<TencentSiteArgs> = {},
  options?: pulumi.ComponentResourceOptions,
  common: Record<string, unknown> = {},
): Promise<{ site: TencentSite; all: readonly Registered[] }> {
  calls.length = 0;
  const registrations = await recordRegistrations(answer, false, (token, inputs) => {
    calls.push({ token, inputs });
    return { images };
  });
  const { tencent, ...settings } = parseSettings(tencentSettings(tencentSet, common)).sites["sg"]!;
  const site = new TencentSite(
    "sg",
    {
      settings: { ...settings, tencent: tencent! },
      ...{ stack: "prod", labels: { team: "edge" }, protect: true },
      peer: { publicAddress: pulumi.output(peerAddress), cidr: "10.10.0.0/24" },
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
  address: { chargeType: "BANDWIDTH_PACKAGE", bandwidthMbps: 500 },
  bandwidthPackage: {},
  publicPorts: [443, 8000],
  accelerator: {
    areas: [{ region: "ap-jakarta" }, { region: "ap-bangkok", bandwidthMbps: 20 }],
    ports: [443, 8000],
  },
};

const ofType = (all: readonly Registered[], type: string): Registered[] =>
  all.filter((resource) => resource.type.endsWith(`:${type}`));
const ofTencent = (all: readonly Registered[]): Registered[] =>
  all.filter(({ type }) => type.startsWith("tencentcloud:"));

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

test("all that can be set: every resource with its inputs", async () => {
  const { all } = await made(everything, { backupPort: 8443, vip: "10.0.0.100" });
  expect(planOf(all)).toMatchSnapshot();
});

test("the provider's own schema takes all inputs", async () => {
  const { all } = await made(everything, { backupPort: 8443, vip: "10.0.0.100" });
  const resources = [...ofTencent(all), named(all, "sg-provider")];
  expect(resources.length).toBeGreaterThan(25);
  const problems = resources.flatMap(({ type, inputs }) =>
    schema.problems(type, plain(inputs) as Record<string, unknown>),
  );
  expect(problems).toEqual([]);
});

test("children carry their parent's name and are parented to it", async () => {
  const { all } = await made(everything);
  for (const { name, parent } of all.filter((resource) => resource.name !== "sg")) {
    expect(name.startsWith(`${parent}-`)).toBe(true);
    expect(parent).not.toBe("");
  }
});

test("everything is made in the settings' region", async () => {
  const hongKong = { ...everything, region: "ap-hongkong", zone: "ap-hongkong-3" };
  const { all } = await made(hongKong, {}, {}, { coordinates: { latitude: 22.32, longitude: 114.17 } });
  expect(named(all, "sg-provider").inputs).toEqual({ region: "ap-hongkong" });
  for (const { name, provider } of ofTencent(all)) expect([name, provider]).toEqual([name, "sg-provider"]);
});

test("whatever has a name carries stack and site in it, in the letters that Tencent allows there", async () => {
  const { all } = await made(everything, { vip: "10.0.0.100" });
  const names = ofTencent(all).flatMap(({ inputs }) =>
    ["name", "instanceName", "hostname", "systemDiskName", "snapshotPolicyName"].flatMap(
      (key) => inputs[key] ?? [],
    ),
  );
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) expect(name).toMatch(/^prod-sg(-|$)/);
  expect(named(all, "sg-key").inputs["keyName"]).toBe("prod_sg");
  expect(named(all, "sg-bandwidth").inputs["bandwidthPackageName"]).toBe("prod_sg");
});

test("all that takes tags has the program's and the operator's", async () => {
  const { all } = await made(everything);
  const expected = { team: "edge", "managed-by": "crossborder", stack: "prod", site: "sg" };
  const tagged = ofTencent(all).filter(({ type }) => "tags" in schema.inputsOf(type));
  expect(tagged.length).toBe(4 + 2 + 2 + 4);
  for (const { inputs } of tagged) expect(inputs["tags"] ?? inputs["tag"]).toMatchObject(expected);
});

test("the security group lets in what is needed, from whom it is needed, and ends by refusing the rest", async () => {
  const { all } = await made({ publicPorts: [443] }, { backupPort: 8443, sshPort: 2222 });
  const { ingresses } = named(all, "sg-network-rules").inputs as { ingresses: Record<string, string>[] };
  expect(
    ingresses.map(({ action, cidrBlock, protocol, port }) => [action, cidrBlock, protocol, port]),
  ).toEqual([
    ["ACCEPT", "192.0.2.0/24", "TCP", "2222"],
    ["ACCEPT", `${peerAddress}/32`, "UDP", "500,4500"],
    ["ACCEPT", `${peerAddress}/32`, "ICMP", "ALL"],
    ["ACCEPT", `${peerAddress}/32`, "TCP", "8443"],
    ["ACCEPT", "0.0.0.0/0", "TCP", "443"],
    ["ACCEPT", "10.20.0.0/24", "ALL", "ALL"],
    ["ACCEPT", "10.10.0.0/24", "ALL", "ALL"],
    ["DROP", "0.0.0.0/0", "ALL", "ALL"],
  ]);
});

test("with nothing set to be public, nothing is let in from everywhere", async () => {
  const { all, site } = await made();
  const { ingresses } = named(all, "sg-network-rules").inputs as { ingresses: Record<string, string>[] };
  const accepted = ingresses.filter(({ action }) => action === "ACCEPT");
  expect(accepted.map(({ cidrBlock }) => cidrBlock)).not.toContain("0.0.0.0/0");
  expect(site.admits).toEqual([]);
});

test("what is public on the security group is told to the gateways' own firewall", async () => {
  const { site } = await made({ publicPorts: [443] });
  expect(site.admits).toEqual([{ from: ["0.0.0.0/0"], port: 443 }]);
});

test("no machine stands before its security group has its rules", async () => {
  const { all } = await made();
  expect(named(all, "sg-gw1-instance").dependencies).toContain("sg-network-rules");
});

test("a public address is known before that of the other site is", async () => {
  const registrations = await recordRegistrations(answer, false, () => ({ images }));
  const { tencent, ...settings } = parseSettings(tencentSettings()).sites["sg"]!;
  const [publicAddress, resolve] = pulumi.deferredOutput<string>();
  const site = new TencentSite("sg", {
    settings: { ...settings, tencent: tencent! },
    ...{ stack: "prod", labels: {}, protect: true, sshFrom: ["192.0.2.0/24"], sshPort: 22, firstBoot },
    peer: { publicAddress, cidr: "10.10.0.0/24" },
  });
  expect(await valueOf(site.publicAddress)).toBe("203.0.113.10");
  resolve(pulumi.output(peerAddress));
  await valueOf(site.gateways[0]!.connection);
  await registrations();
});

test("with one gateway the routes lead to its private address", async () => {
  const { all } = await made({}, { vip: "10.0.0.100" });
  const routes = ofType(all, "RouteTableEntry").map(({ inputs }) => [
    inputs["destinationCidrBlock"],
    inputs["nextType"],
    inputs["nextHub"],
  ]);
  expect(routes).toEqual([
    ["10.10.0.0/24", "NORMAL_CVM", "10.20.0.2"],
    ["10.0.0.100/32", "NORMAL_CVM", "10.20.0.2"],
  ]);
  expect(ofType(all, "HaVip")).toEqual([]);
  expect(named(all, "sg-network-subnet").inputs["routeTableId"]).toBe("sg-network-route-table-id");
});

test("with two they lead to a HaVip that both may announce", async () => {
  const { site, all } = await made({ gateways: 2 });
  const [route] = ofType(all, "RouteTableEntry");
  expect(route!.inputs).toMatchObject({ nextType: "HAVIP", nextHub: "sg-routes-address-id" });
  expect(named(all, "sg-routes-address").inputs).toMatchObject({ vip: "10.20.0.4", checkAssociate: true });
  const attached = ofType(all, "HaVipInstanceAttachment").map(({ inputs }) => inputs["instanceId"]);
  expect(attached).toEqual(["sg-gw1-instance-id", "sg-gw2-instance-id"]);
  expect(await valueOf(site.haVip!)).toBe("10.20.0.4");
});

test("a second gateway changes nothing of the first", async () => {
  const one = (await made()).all;
  const two = (await made({ gateways: 2 })).all;
  const kept = one.filter(({ name }) => name !== "sg-routes-peer");
  for (const resource of kept) expect(planned(named(two, resource.name))).toEqual(planned(resource));
});

test("what can be there once is removed before it is made again", async () => {
  const { all } = await made(everything, { vip: "10.0.0.100" });
  for (const type of [
    ...["Subnet", "SecurityGroupRuleSet", "Instance", "EipAssociation", "RouteTableEntry"],
    ...["HaVip", "HaVipInstanceAttachment", "CbsSnapshotPolicyAttachment", "Ga2Listener", "Ga2EndpointGroup"],
  ]) {
    const found = ofType(all, type);
    expect([type, found.length]).not.toEqual([type, 0]);
    for (const { deleteBeforeReplace } of found) expect([type, deleteBeforeReplace]).toEqual([type, true]);
  }
});

test("addresses, machines and the network are protected where the settings say so, and only there", async () => {
  const isProtected = (all: readonly Registered[]): string[] =>
    all.filter(({ protect }) => protect).map(({ type }) => type.split(":").at(-1)!);
  expect(new Set(isProtected((await made(everything)).all))).toEqual(
    new Set(["Vpc", "Subnet", "Eip", "Instance", "HaVip"]),
  );
  const { all } = await made(everything, { protect: false });
  expect(isProtected(all)).toEqual([]);
  expect(named(all, "sg-gw1-instance").inputs["disableApiTermination"]).toBe(false);
});

test("neither another key nor other user data nor a newer image touches a machine that stands", async () => {
  const { all } = await made();
  const { ignoreChanges, inputs } = named(all, "sg-gw1-instance");
  expect([...ignoreChanges].sort()).toEqual(["imageId", "keyIds", "userDataRaw"]);
  expect(inputs["userDataReplaceOnChange"]).toBe(false);
  expect(named(all, "sg-key").ignoreChanges).toEqual(["publicKey"]);
});

test("user data and the way to a machine are secrets, also where the provider reads them back", async () => {
  const { site, all } = await made({ gateways: 2 });
  for (const name of ["gw1", "gw2"]) {
    const { inputs, additionalSecretOutputs } = named(all, `sg-${name}-instance`);
    expect(inputs["userDataRaw"]).toBeInstanceOf(Secret);
    expect(plain(inputs["userDataRaw"])).toContain(`for sg-${name} with ${bootstrapKey}`);
    expect(additionalSecretOutputs).toEqual(expect.arrayContaining(["userData", "userDataRaw"]));
  }
  for (const resource of all) expect(visible(resource)).not.toContain(bootstrapKey);
  for (const resource of all) expect(visible(resource)).not.toContain(privateKey);
  for (const { connection } of site.gateways) {
    expect(await pulumi.isSecret(connection)).toBe(true);
  }
});

test("gateways are hosts with planned addresses, reached at their public ones once these are theirs", async () => {
  const { site } = await made({ gateways: 2, interface: "ens5", mtu: 8500 });
  expect(site.gateways).toMatchObject([
    { name: "sg-gw1", site: "sg", family: "rhel", privateAddress: "10.20.0.2" },
    { name: "sg-gw2", site: "sg", family: "rhel", privateAddress: "10.20.0.3" },
  ]);
  expect(site.gateways[0]!.underlay).toEqual({ interface: "ens5", mtu: 8500 });
  const connections = await Promise.all(site.gateways.map(({ connection }) => valueOf(connection)));
  expect(connections.map(({ host, user }) => [host, user])).toEqual([
    ["203.0.113.10", "deploy at sg-gw1-instance-id"],
    ["203.0.113.11", "deploy at sg-gw2-instance-id"],
  ]);
  expect(await valueOf(site.publicAddress)).toBe("203.0.113.10");
  expect(site).toMatchObject({ name: "sg", cidr: "10.20.0.0/24", asn: 65020 });
});

test("the newest public image of the operating system is taken, of those that the machine can start from", async () => {
  const { all } = await made({ os: "ubuntu2204" });
  expect(named(all, "sg-gw1-instance").inputs["imageId"]).toBe("img-newest");
  expect(calls).toEqual([
    {
      token: "tencentcloud:index/getImages:getImages",
      inputs: {
        imageTypes: ["PUBLIC_IMAGE"],
        imageNameRegex: "^Ubuntu Server 22\\.04(\\.\\d+)? LTS 64[^\\s(]*$",
        instanceType: "S5.LARGE8",
      },
    },
  ]);
});

test("the first preview asks Tencent for nothing", async () => {
  let asked = 0;
  const registrations = await recordRegistrations(
    () => ({}),
    true,
    () => ({ asked: asked++ }),
  );
  const { tencent, ...settings } = parseSettings(tencentSettings()).sites["sg"]!;
  new TencentSite("sg", {
    settings: { ...settings, tencent: tencent! },
    ...{ stack: "prod", labels: {}, protect: true, sshFrom: ["192.0.2.0/24"], sshPort: 22, firstBoot },
    peer: { publicAddress: peerAddress, cidr: "10.10.0.0/24" },
  });
  const all = await registrations();
  expect(named(all, "sg-gw1-instance").inputs["imageId"]).toBe(UNKNOWN);
  expect(asked).toBe(0);
});

test("an image that the settings name is taken as it is", async () => {
  const { all } = await made({ image: "img-ours" });
  expect(named(all, "sg-gw1-instance").inputs["imageId"]).toBe("img-ours");
  expect(calls).toEqual([]);
});

test("of a site that is out of service the region isn't asked for images, and the machine's connection is held", async () => {
  const asked: FirstBootArgs[] = [];
  const { site, all } = await made(
    {},
    {
      firstBoot: (host, args, options) => {
        asked.push(args);
        return firstBoot(host, args, options);
      },
    },
    undefined,
    { outOfService: true },
  );
  expect(calls).toEqual([]);
  const { inputs, ignoreChanges } = named(all, "sg-gw1-instance");
  expect(inputs).not.toHaveProperty("imageId");
  expect(ignoreChanges).toContain("imageId");
  expect(asked).toEqual([{ family: "rhel", sshPort: 22, outOfService: true, machine: 1 }]);
  expect(site.gateways[0]!.outOfService).toBe(true);
});

test("another machine by its number comes in the place of the former, with its disk, and keeps the address", async () => {
  const { all } = await made({ gateways: 2 }, {}, undefined, { machines: { gw1: 3 } });
  const numbers = ["sg-gw1-instance", "sg-gw2-instance"].map((name) => named(all, name).replacementTrigger);
  expect(numbers).toEqual([3, 1]);
  expect(named(all, "sg-gw1-address").replacementTrigger).toBeUndefined();
});

test("the accelerator is built step by step, and leads to the first gateway", async () => {
  const { site, all } = await made(everything);
  expect(named(all, "sg-accelerator-ap-jakarta").dependencies).toEqual(["sg-accelerator-instance"]);
  expect(named(all, "sg-accelerator-ap-bangkok").dependencies).toContain("sg-accelerator-ap-jakarta");
  expect(named(all, "sg-accelerator-443").dependencies).toContain("sg-accelerator-ap-bangkok");
  expect(named(all, "sg-accelerator-8000").dependencies).toContain("sg-accelerator-443-origin");
  expect(named(all, "sg-accelerator-443-origin").inputs["endpointGroupConfiguration"]).toMatchObject({
    endpointConfigurations: [{ endpointService: "203.0.113.10" }],
  });
  expect(await valueOf(site.acceleratedName!)).toBe("accelerated.example");
});

test("options of a site reach the engine", async () => {
  const { all } = await made({}, {}, { aliases: [{ name: "east" }] });
  expect(named(all, "sg").aliases).toEqual(["east"]);
});

test("what is made in production violates no policy", async () => {
  const { all } = await made();
  const violations = all.flatMap(({ type, name, inputs, protect }) => {
    const resource = { type, name, inputs: group(plain(inputs)), protect };
    return resourceRules.flatMap((rule) => rule.check(resource, { production: true }));
  });
  expect(violations).toEqual([]);
});

test("a port that the settings and the users' name both open is opened once", async () => {
  const { site, all } = await made({ publicPorts: [443, 8080] }, { publicPorts: [443] });
  const everybody = (named(all, "sg-network-rules").inputs["ingresses"] as Record<string, unknown>[]).filter(
    ({ action, cidrBlock }) => action === "ACCEPT" && cidrBlock === "0.0.0.0/0",
  );
  expect(everybody.map(({ port }) => port)).toEqual(["443", "8080"]);
  expect(site.admits.map(({ port }) => port)).toEqual([443, 8080]);
});
