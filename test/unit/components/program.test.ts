import * as pulumi from "@pulumi/pulumi";
import { FIREWALL_FILE } from "../../../components/link/firewall/nftables";
import { HEALTH_CONFIGURATION } from "../../../components/link/health/unit";
import { linkOutput, stackOutputs, type StackOutputs } from "../../../outputs/contract";
import { privateKey, privateKeyLine, validSettings } from "../settings/fixtures";
import { fileOf, requestOf } from "./fixtures";
import { named, plain, type Registered, Secret, valueOf, visible } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

jest.mock("@pulumi/gcp", () => {
  throw new Error("Google's package was loaded by a program without a site there");
});

const webhook = "https://hooks.example.com/a-token-that-nobody-may-see";
const psk = Buffer.from("a-key-that-nobody-may-see").toString("base64");
const figures = { p50: 160.2, p95: 161, p99: 162, jitter: 0.3 };

const measured = {
  verdict: "up",
  rttMs: figures,
  underlayRttMs: figures,
  lossPercent: 0,
  encrypted: true,
  measuredAt: "2026-01-01T00:00:00.000Z",
};

/** What the providers answer. */
function answer(type: string): Record<string, unknown> {
  if (type.startsWith("random:")) return { base64: psk };
  return type.endsWith(":TunnelRtt") ? measured : {};
}

let all: readonly Registered[];
let outputs: ProgramOutputs;

beforeAll(async () => {
  const settings = {
    ...validSettings(),
    access: { sshFrom: ["192.0.2.0/24"], sshPort: 2222 },
    gate: { budgetMs: 190, lossLimitPercent: 2, probes: 300, deadlineSeconds: 60, measure: "always" },
    health: { intervalSeconds: 30 },
    sshPrivateKey: privateKey,
    webhook,
  };
  ({ all, outputs } = await runProgram(settings, answer));
});

test("the program registers sites, then the link with its keys and hosts, its commit, and the gate at last", () => {
  expect(all.map(({ type, name, parent }) => [type.split(":").at(-1), name, parent])).toEqual([
    ["ExistingSite", "la", ""],
    ["ExistingSite", "sg", ""],
    ["CrossBorderLink", "link", ""],
    ["RandomBytes", "link-psk-1", "link"],
    ["Command", "link-la-gw1", "link"],
    ["Command", "link-sg-gw1", "link"],
    ["HostCommit", "link-commit", "link"],
    ["TunnelRtt", "link-rtt", ""],
  ]);
});

test("the gate measures what was committed, and not before", () => {
  const gate = named(all, "link-rtt");
  expect(gate.dependencies).toContain("link-commit");
  expect(gate.inputs["fingerprint"]).toBe(
    ["link-la-gw1", "link-sg-gw1"].map((name) => requestOf(named(all, name)).generation).join("+"),
  );
  expect(gate.inputs).toMatchObject({ measure: "always", probes: 300, deadlineSeconds: 60 });
  expect(gate.inputs["link"]).toBeInstanceOf(Secret);
  expect(plain(gate.inputs["link"])).toMatchObject({
    budgetMs: 190,
    lossLimitPercent: 2,
    initiator: { host: "la-gw1", connection: { privateKey } },
  });
  expect(gate.additionalSecretOutputs).toContain("link");
});

test.each(["la", "sg"])("what the settings say of access and health reaches the gateway of %s", (site) => {
  const request = requestOf(named(all, `link-${site}-gw1`));
  expect(fileOf(request, FIREWALL_FILE)).toContain("ip saddr { 192.0.2.0/24 } tcp dport 2222 accept");
  expect(JSON.parse(fileOf(request, HEALTH_CONFIGURATION))).toMatchObject({
    webhook,
    budgetMs: 190,
    lossLimitPercent: 2,
  });
  expect(fileOf(request, "/etc/systemd/system/crossborder-link-health.timer")).toContain("30s");
});

test("nothing has triggers, and every remote command pins the host's key and keeps its output to itself", () => {
  expect(all.filter(({ inputs }) => "triggers" in inputs)).toEqual([]);
  const commands = all.filter(({ type }) => type === "command:remote:Command");
  expect(commands).toHaveLength(2);
  for (const { inputs, deleteBeforeReplace } of commands) {
    expect(inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
    expect(plain(inputs["connection"])).toMatchObject({ hostKey: "ssh-ed25519 AAAAC3Nz" });
    expect(deleteBeforeReplace).toBe(true);
  }
});

test("nothing that is visible of any resource holds a secret", () => {
  for (const secret of [privateKeyLine, webhook, psk]) {
    expect(all.filter((resource) => visible(resource).includes(secret))).toEqual([]);
  }
});

test("the outputs are what the contract says", async () => {
  const values = Object.fromEntries(
    await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name, await valueOf(output)])),
  ) as StackOutputs;
  expect(Object.keys(outputs).sort()).toEqual(Object.keys(stackOutputs.shape).sort());
  const { link, hosts, backup, ha } = stackOutputs.parse(values);
  expect(backup).toBe("off");
  expect(ha).toBe("off");
  expect(link).toMatchObject({
    name: "link",
    primary: { site: "la" },
    secondary: { site: "sg" },
    device: "gre1",
    budgetMs: 190,
    gate: linkOutput.shape.gate.parse(measured),
  });
  expect(hosts.map(({ name, components }) => [name, components])).toEqual(
    ["la-gw1", "sg-gw1"].map((name) => [
      name,
      [{ component: "link", generation: requestOf(named(all, `link-${name}`)).generation }],
    ]),
  );
});

test("outputs that hold keys to the hosts are secrets, and the link's figures are not", async () => {
  expect(await pulumi.isSecret(outputs.hosts)).toBe(true);
  expect(await pulumi.isSecret(outputs.linkFacts)).toBe(true);
  expect(await pulumi.isSecret(outputs.link)).toBe(false);
  expect(JSON.stringify(await valueOf(outputs.link))).not.toContain(privateKeyLine);
});
