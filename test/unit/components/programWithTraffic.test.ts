import * as pulumi from "@pulumi/pulumi";
import { FIREWALL_FILE } from "../../../components/link/firewall/nftables";
import type { FirstBootMaker } from "../../../components/sites/firstBoot";
import { stackOutputs } from "../../../outputs/contract";
import { gcpSettings, tencentSettings } from "../settings/fixtures";
import { connectionTo, fileOf, requestOf } from "./fixtures";
import { named, type Registered, valueOf } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

const mockFirstBoot: FirstBootMaker = (host) => ({
  user: "deploy",
  authorizedKey: "ssh-ed25519 AAAAdeploy",
  userData: pulumi.secret("#cloud-config"),
  connectionTo: ({ address }) =>
    pulumi.output(address).apply((dialled) => connectionTo(host, { host: dialled })),
});
jest.mock("../../../components/sites/firstBoot", () => ({
  firstBoots: () => mockFirstBoot,
}));

const addresses = { la: "198.51.100.77", sg: "203.0.113.77" };
const figures = { p50: 160.2, p95: 161, p99: 162, jitter: 0.3 };

function answer(type: string, name: string): Record<string, unknown> {
  if (type.startsWith("random:")) return { base64: Buffer.from("a-key").toString("base64") };
  if (type.endsWith("/address:Address")) return { address: addresses.la };
  if (type.endsWith(":Eip")) return { publicIp: addresses.sg };
  if (type.endsWith(":TunnelRtt")) {
    return {
      verdict: "up",
      ...{ rttMs: figures, underlayRttMs: figures, lossPercent: 0, encrypted: true },
      measuredAt: "2026-01-01T00:00:00.000Z",
    };
  }
  return { selfLink: `link to ${name}` };
}

/** Los Angeles on Google Cloud, Singapore on Tencent Cloud, where another port is open already. */
function settings(): Record<string, unknown> {
  const sites = (raw: Record<string, unknown>) => raw["sites"] as Record<string, unknown>;
  const tencent = { image: "img-ours", publicPorts: [8080] };
  return {
    ...gcpSettings(),
    sites: { la: sites(gcpSettings())["la"], sg: sites(tencentSettings(tencent))["sg"] },
    traffic: { zone: "example-com", name: "app.example.com" },
  };
}

let all: readonly Registered[];
let outputs: ProgramOutputs;
const credentials = {
  GOOGLE_OAUTH_ACCESS_TOKEN: "a-token",
  TENCENTCLOUD_SECRET_ID: "an-id",
  TENCENTCLOUD_SECRET_KEY: "a-key",
};
const before = { ...process.env };

beforeAll(async () => {
  Object.assign(process.env, credentials);
  ({ all, outputs } = await runProgram(settings(), answer));
});
afterAll(() => (process.env = before));

test("users are led to the addresses that the clouds gave the sites", async () => {
  expect(named(all, "traffic-record").inputs["routingPolicy"]).toMatchObject({
    geos: [
      { location: "us-west2", healthCheckedTargets: { externalEndpoints: [addresses.la] } },
      { location: "asia-southeast1", healthCheckedTargets: { externalEndpoints: [addresses.sg] } },
    ],
  });
  const output = stackOutputs.shape.traffic.parse(await valueOf(outputs.traffic));
  expect(output).toMatchObject({
    name: "app.example.com",
    targets: [
      { site: "la", address: addresses.la },
      { site: "sg", address: addresses.sg },
    ],
  });
  expect(await pulumi.isSecret(outputs.traffic)).toBe(false);
});

test("a drain waits for neither a host, the link nor the gate", () => {
  expect(named(all, "traffic-record").dependencies).toEqual([
    "la-gw1-address",
    "sg-gw1-address",
    "traffic-check",
  ]);
});

test("the users' port is open to everybody in both clouds", () => {
  const everybody = all.filter(
    ({ type, inputs }) =>
      type === "gcp:compute/firewall:Firewall" && (inputs["sourceRanges"] as string[]).includes("0.0.0.0/0"),
  );
  expect(everybody.map(({ name, inputs }) => [name, inputs["allows"], inputs["targetTags"]])).toEqual([
    ["la-network-users-443", [{ protocol: "tcp", ports: ["443"] }], ["test-la-gateway"]],
  ]);
  const { ingresses } = named(all, "sg-network-rules").inputs as {
    ingresses: { action: string; cidrBlock: string; port: string }[];
  };
  expect(
    ingresses
      .filter(({ action, cidrBlock }) => action === "ACCEPT" && cidrBlock === "0.0.0.0/0")
      .map(({ port }) => port),
  ).toEqual(["8080", "443"]);
});

test("and on the gateways of both, by their own firewall", () => {
  const everybody = (site: string): string[] =>
    fileOf(requestOf(named(all, `link-${site}-gw1`)), FIREWALL_FILE)
      .split("\n")
      .filter((line) => line.includes("0.0.0.0/0"))
      .map((line) => line.trim());
  const open = (device: string, port: number): string =>
    `iifname "${device}" ip saddr { 0.0.0.0/0 } tcp dport ${port} accept`;
  expect(everybody("la")).toEqual([open("ens4", 443)]);
  expect(everybody("sg")).toEqual([open("eth0", 8080), open("eth0", 443)]);
});
