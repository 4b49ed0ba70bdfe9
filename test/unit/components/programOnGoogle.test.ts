import * as pulumi from "@pulumi/pulumi";
import { CONNECTIONS_FILE } from "../../../components/link/ipsec/swanctl";
import { FIREWALL_FILE } from "../../../components/link/firewall/nftables";
import type { FirstBootMaker } from "../../../components/sites/firstBoot";
import { linkOutput } from "../../../outputs/contract";
import { gcpSettings } from "../settings/fixtures";
import { connectionTo, fileOf, privateKey, requestOf } from "./fixtures";
import { named, plain, type Registered, valueOf, visible } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

const mockFirstBoot: FirstBootMaker = (host) => ({
  user: "deploy",
  authorizedKey: "ssh-ed25519 AAAAdeploy",
  userData: pulumi.secret("#cloud-config"),
  connectionTo: ({ address, machine }) =>
    pulumi.all([address, machine]).apply(([dialled]) => connectionTo(host, { host: dialled })),
});
jest.mock("../../../components/sites/firstBoot", () => ({
  firstBoots: () => mockFirstBoot,
}));

const laAddress = "198.51.100.77";
const figures = { p50: 160.2, p95: 161, p99: 162, jitter: 0.3 };

function answer(type: string, name: string): Record<string, unknown> {
  if (type.startsWith("random:")) return { base64: Buffer.from("a-key").toString("base64") };
  if (type.endsWith("/address:Address")) return { address: laAddress };
  if (type.endsWith(":TunnelRtt")) {
    return {
      verdict: "up",
      ...{ rttMs: figures, underlayRttMs: figures, lossPercent: 0, encrypted: true },
      measuredAt: "2026-01-01T00:00:00.000Z",
    };
  }
  return { selfLink: `link to ${name}` };
}

let all: readonly Registered[];
let outputs: ProgramOutputs;
const token = process.env["GOOGLE_OAUTH_ACCESS_TOKEN"];

beforeAll(async () => {
  process.env["GOOGLE_OAUTH_ACCESS_TOKEN"] = "a-token";
  ({ all, outputs } = await runProgram(gcpSettings({ gateways: 2, ssh: { iap: true } }), answer));
});
afterAll(() => {
  if (token === undefined) delete process.env["GOOGLE_OAUTH_ACCESS_TOKEN"];
  else process.env["GOOGLE_OAUTH_ACCESS_TOKEN"] = token;
});

test("a site is a site whoever made it: the link stands on the gateways of both", () => {
  expect(all.filter(({ parent }) => parent === "").map(({ name }) => name)).toEqual([
    "la",
    "sg",
    "link",
    "link-rtt",
    "protection",
  ]);
  expect(named(all, "la").type).toBe("crossborder:index:GcpSite");
  expect(named(all, "sg").type).toBe("crossborder:index:ExistingSite");
  expect(named(all, "link-la-gw1").dependencies).toContain("la-gw1-instance");
  expect(plain(named(all, "link-la-gw1").inputs["connection"])).toMatchObject({ host: laAddress });
});

test("each side lets in the address that the other one has", () => {
  expect(named(all, "la-network-ike").inputs["sourceRanges"]).toEqual(["203.0.113.10/32"]);
  const sg = requestOf(named(all, "link-sg-gw1"));
  expect(fileOf(sg, CONNECTIONS_FILE)).toContain(`remote_addrs = ${laAddress}`);
  expect(fileOf(sg, FIREWALL_FILE)).toContain(`ip saddr ${laAddress} udp dport { 500, 4500 } accept`);
});

test("a gateway's own firewall admits what Google has to reach, and another site's doesn't", () => {
  const rules = [
    `ip saddr { 35.235.240.0/20 } tcp dport 22 accept`,
    `ip saddr { 35.191.0.0/16, 130.211.0.0/22 } tcp dport 179 accept`,
  ];
  const firewall = (site: string): string => fileOf(requestOf(named(all, `link-${site}-gw1`)), FIREWALL_FILE);
  for (const rule of rules) {
    expect(firewall("la")).toContain(`    iifname "ens4" ${rule}\n`);
    expect(firewall("sg")).not.toContain(rule);
  }
});

test("the names in the cloud carry the stack's", () => {
  expect(named(all, "la-gw1-instance").inputs["name"]).toBe("test-la-gw1");
});

test("the outputs tell the address that the site was given, and nothing visible holds a key", async () => {
  const link = linkOutput.parse(await valueOf(outputs.link));
  expect(link.primary).toMatchObject({ site: "la", host: "la-gw1", publicAddress: laAddress });
  expect(await pulumi.isSecret(outputs.link)).toBe(false);
  expect(all.filter((resource) => visible(resource).includes(privateKey))).toEqual([]);
});

test("a destruction begins with what refuses it: it depends on everything else", () => {
  const { protect, dependencies } = named(all, "protection");
  expect(protect).toBe(true);
  const others = all.filter(
    ({ name, type }) => name !== "protection" && !type.startsWith("crossborder:index:"),
  );
  expect(others.length).toBeGreaterThan(20);
  expect(others.map(({ name }) => name).filter((name) => !dependencies.includes(name))).toEqual([]);
});
