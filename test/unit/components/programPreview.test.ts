import * as pulumi from "@pulumi/pulumi";
import type { FirstBootMaker } from "../../../components/sites/firstBoot";
import { gcpSettings } from "../settings/fixtures";
import { connectionTo } from "./fixtures";
import { named, plain, type Registered, UNKNOWN } from "./recorder";
import { runProgram } from "./runProgram";

const mockFirstBoot: FirstBootMaker = (host) => ({
  user: "deploy",
  authorizedKey: "ssh-ed25519 AAAAdeploy",
  userData: pulumi.secret("#cloud-config"),
  connectionTo: ({ address, machine }) =>
    pulumi.all([address, machine]).apply(([dialled]) => connectionTo(host, { host: dialled })),
});
jest.mock("../../../components/sites/firstBoot", () => ({ firstBoots: () => mockFirstBoot }));

let all: readonly Registered[];
const environment = process.env;

beforeAll(async () => {
  process.env = { ...environment, GOOGLE_OAUTH_ACCESS_TOKEN: "a-token" };
  const raw = gcpSettings();
  const { la, sg } = raw["sites"] as Record<string, Record<string, unknown>>;
  const { coordinates, cidr, asn } = sg!;
  const gcp = { project: "my-project", region: "asia-southeast1", zones: ["asia-southeast1-b"] };
  const sites = { la, sg: { coordinates, cidr, asn, gcp } };
  // Nobody answers anything: nothing has an address yet.
  ({ all } = await runProgram({ ...raw, sites }, () => ({}), true));
});
afterAll(() => {
  process.env = environment;
});

test("the first preview has everything in it, though each site waits for the other's address", () => {
  for (const site of ["la", "sg"]) {
    for (const name of [
      "network-vpc",
      "network-ike",
      "gw1-address",
      "gw1-disk",
      "gw1-instance",
      "routes-peer",
    ]) {
      named(all, `${site}-${name}`);
    }
    named(all, `link-${site}-gw1`);
  }
  expect(all.slice(-2).map(({ name }) => name)).toEqual(["link-rtt", "protection"]);
});

test("what is known is shown, and what isn't is only what nobody can know", () => {
  const rule = named(all, "la-network-ike").inputs;
  expect(rule).toMatchObject({ name: "test-la-ike", allows: [{ protocol: "udp", ports: ["500", "4500"] }] });
  expect(rule["sourceRanges"]).toEqual([UNKNOWN]);
  expect(named(all, "la-network-from-peer").inputs["sourceRanges"]).toEqual(["10.20.0.0/24"]);
  expect(plain(named(all, "sg-gw1-instance").inputs)).toMatchObject({
    name: "test-sg-gw1",
    zone: "asia-southeast1-b",
    machineType: "n2-standard-4",
    networkInterfaces: [{ networkIp: "10.20.0.2", accessConfigs: [{ natIp: UNKNOWN }] }],
  });
});

test("between the sites' resources there is no circle", () => {
  const byName = new Map(all.map((resource) => [resource.name, resource]));
  const finished = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) throw new Error([...way, name].join(" waits for "));
    if (finished.has(name)) return;
    for (const dependency of byName.get(name)?.dependencies ?? []) visit(dependency, [...way, name]);
    finished.add(name);
  };
  for (const { name } of all) visit(name, []);
  expect(named(all, "la-network-ike").dependencies).toContain("sg-gw1-address");
  expect(named(all, "sg-network-ike").dependencies).toContain("la-gw1-address");
});
