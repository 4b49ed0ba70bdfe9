import * as pulumi from "@pulumi/pulumi";
import { AGENT_CONFIGURATION } from "../../../components/ha/plan";
import { FIREWALL_FILE } from "../../../components/link/firewall/nftables";
import { FRR_FILE } from "../../../components/link/routing/frr";
import { stackOutputs } from "../../../outputs/contract";
import { rawServices } from "../backup/fixtures";
import { privateKey, privateKeyLine, validSettings } from "../settings/fixtures";
import { fileOf, requestOf } from "./fixtures";
import { named, type Registered, valueOf, visible } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

const webhook = "https://hooks.example.com/a-token-that-nobody-may-see";
const figures = { p50: 160.2, p95: 161, p99: 162, jitter: 0.3 };
const gateways = ["la-gw1", "sg-gw1"];

/** What the providers answer. */
function answer(type: string, name: string): Record<string, unknown> {
  if (type.startsWith("random:")) return { base64: "a2V5" };
  if (type.endsWith(":CertificateAuthority")) return { certificate: "an authority\n", privateKey: "a key" };
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
    link: { confirmWithinSeconds: 200 },
    services: rawServices,
    backup: {},
    ha: { vip: "10.9.9.9", services: ["postgres"], policy: "primary-only", drainSeconds: 7 },
    sshPrivateKey: privateKey,
    webhook,
  };
  ({ all, outputs } = await runProgram(settings, answer));
});

test("the pair is a component of its own: both gateways stage, then both commit", () => {
  const children = all.filter(({ parent }) => parent === "ha");
  expect(children.map(({ type, name }) => [type.split(":").at(-1), name])).toEqual([
    ["Command", "ha-la-gw1"],
    ["Command", "ha-sg-gw1"],
    ["HostCommit", "ha-commit"],
  ]);
  expect(named(all, "ha")).toMatchObject({ type: "crossborder:index:HaPair", parent: "" });
  for (const host of gateways) expect(requestOf(named(all, `ha-${host}`)).op).toBe("stage");
  expect(named(all, "ha-commit").inputs).toMatchObject({
    confirmWithinSeconds: 200,
    readyWithinSeconds: 190,
  });
});

test("it comes after the link's commit and the proxies, and the gate after it", () => {
  for (const host of gateways) {
    expect(named(all, `ha-${host}`).dependencies).toEqual(
      expect.arrayContaining(["link-commit", ...gateways.map((name) => `backup-${name}`)]),
    );
  }
  expect(named(all, "link-rtt").dependencies).toContain("ha-commit");
});

test("the primary's gateway is the primary of the pair, and each knows its own end", () => {
  for (const [host, primary, priority] of [
    ["la-gw1", true, 100],
    ["sg-gw1", false, 90],
  ] as const) {
    const request = requestOf(named(all, `ha-${host}`));
    expect(JSON.parse(fileOf(request, AGENT_CONFIGURATION))).toMatchObject({
      host,
      primary,
      policy: "primary-only",
      vip: "10.9.9.9",
      drainSeconds: 7,
      webhook,
    });
    expect(fileOf(request, "/etc/keepalived/keepalived.conf")).toContain(`priority ${priority}\n`);
  }
});

test("firewall and BGP admit the address, with the ports of what is answered there", () => {
  const request = requestOf(named(all, "link-la-gw1"));
  expect(fileOf(request, FIREWALL_FILE)).toContain("ip daddr 10.9.9.9 tcp dport { 5432 } accept");
  expect(fileOf(request, FRR_FILE)).toContain("ip prefix-list vip seq 5 permit 10.9.9.9/32");
});

test("the proxy answers at the address, and carries the agents' questions", () => {
  const request = requestOf(named(all, "backup-la-gw1"));
  const listeners = fileOf(request, "/etc/crossborder/proxy.d/listeners.json");
  expect(listeners).toContain('"name": "vip-postgres"');
  expect(listeners).not.toContain('"name": "vip-vault"');
  expect(listeners).toContain('"name": "gateway-ha-state"');
});

test("nothing that is visible of any resource holds a secret", () => {
  for (const secret of [privateKeyLine, webhook]) {
    expect(all.filter((resource) => visible(resource).includes(secret))).toEqual([]);
  }
});

test("the outputs say what other stacks need, and nothing of it is a secret", async () => {
  const ha = stackOutputs.shape.ha.parse(await valueOf(outputs.ha));
  expect(ha).toEqual({
    vip: "10.9.9.9",
    policy: "primary-only",
    primary: "la",
    drainSeconds: 7,
    services: [{ name: "postgres", port: 5432 }],
  });
  expect(await pulumi.isSecret(outputs.ha)).toBe(false);
  const hosts = stackOutputs.shape.hosts.parse(await valueOf(outputs.hosts));
  for (const { components } of hosts) {
    expect(components.map(({ component }) => component)).toContain("ha");
  }
});
