import * as pulumi from "@pulumi/pulumi";
import { ExistingSite } from "../../../components/sites/existing";
import { parseSettings } from "../../../settings/parse";
import { validSettings, withValue } from "../settings/fixtures";
import { connectionTo, privateKey } from "./fixtures";
import { named, recordRegistrations, valueOf, visible } from "./recorder";

const gateway = (name: string, privateAddress: string, mtu: number) => ({
  name,
  privateAddress,
  interface: `if-${name}`,
  mtu,
  connection: { host: `${name}.example`, hostKey: "ssh-ed25519 AAAAC3Nz" },
});

test("a site has its gateways as hosts, in order of preference, each with its own connection", async () => {
  await recordRegistrations();
  const gateways = [gateway("b", "10.10.0.3", 1460), gateway("a", "10.10.0.2", 1500)];
  const settings = parseSettings(withValue(["sites", "la", "existing", "gateways"], gateways)).sites["la"]!;
  const site = new ExistingSite("la", {
    settings,
    connections: { "la-a": connectionTo("one"), "la-b": connectionTo("other", { port: 2222 }) },
  });

  expect(site.gateways).toMatchObject([
    { name: "la-b", site: "la", privateAddress: "10.10.0.3", underlay: { interface: "if-b", mtu: 1460 } },
    { name: "la-a", site: "la", privateAddress: "10.10.0.2", underlay: { interface: "if-a", mtu: 1500 } },
  ]);
  expect(await Promise.all(site.gateways.map(({ connection }) => valueOf(connection)))).toEqual([
    connectionTo("other", { port: 2222 }),
    connectionTo("one"),
  ]);
  expect(site).toMatchObject({ name: "la", cidr: "10.10.0.0/24", asn: 65010 });
  expect(site.coordinates).toEqual({ latitude: 34.05, longitude: -118.24 });
  expect(await valueOf(site.publicAddress)).toBe("198.51.100.10");
});

test("the connection is a secret, and the site's registration doesn't hold the key", async () => {
  const registrations = await recordRegistrations();
  const site = new ExistingSite("la", {
    settings: parseSettings(validSettings()).sites["la"]!,
    connections: { "la-gw1": connectionTo("la") },
  });
  await valueOf(site.urn);

  expect(await pulumi.isSecret(site.gateways[0]!.connection)).toBe(true);
  const registered = named(await registrations(), "la");
  expect(registered).toMatchObject({ type: "crossborder:index:ExistingSite", inputs: {} });
  expect(visible(registered)).not.toContain(privateKey);
});

test("a gateway without a connection is named", async () => {
  await recordRegistrations();
  const settings = parseSettings(validSettings()).sites["sg"]!;
  expect(() => new ExistingSite("sg", { settings, connections: { "la-gw1": connectionTo("la") } })).toThrow(
    "no SSH connection is known for host sg-gw1",
  );
});

test("options of a site reach the engine", async () => {
  const registrations = await recordRegistrations();
  const settings = parseSettings(validSettings()).sites["la"]!;
  const site = new ExistingSite(
    "la",
    { settings, connections: { "la-gw1": connectionTo("la") } },
    { aliases: [{ name: "west" }] },
  );
  await valueOf(site.urn);
  expect(named(await registrations(), "la").aliases).toEqual(["west"]);
});

test("hosts know whether their site is out of service, and which machine they are", async () => {
  await recordRegistrations();
  const site = (set: Record<string, unknown>) => {
    const raw = validSettings() as { sites: Record<string, Record<string, unknown>> };
    raw.sites["la"] = { ...raw.sites["la"], ...set };
    const settings = parseSettings(raw).sites["la"]!;
    return new ExistingSite("la", { settings, connections: { "la-gw1": connectionTo("one") } });
  };
  expect(site({}).gateways).toMatchObject([{ outOfService: false, machine: 1 }]);
  expect(site({ outOfService: true, machines: { gw1: 3 } }).gateways).toMatchObject([
    { outOfService: true, machine: 3 },
  ]);
});

test("the gateways' own firewall is told of users, where there are some", async () => {
  await recordRegistrations();
  const settings = parseSettings(validSettings()).sites["la"]!;
  const admits = (publicPorts?: readonly number[]) =>
    new ExistingSite("la", { settings, connections: { "la-gw1": connectionTo("la") }, publicPorts }).admits;
  expect(admits()).toEqual([]);
  expect(admits([443])).toEqual([{ from: ["0.0.0.0/0"], port: 443 }]);
});
