import * as pulumi from "@pulumi/pulumi";
import { KEEPALIVED_FILE } from "../../../components/ha/keepalived";
import { SUBSCRIPTION_FILE } from "../../../components/postgres/paths";
import { stackOutputs, type StackOutputs } from "../../../outputs/contract";
import { privateKey, privateKeyLine, validSettings } from "../settings/fixtures";
import { fileOf, requestOf } from "./fixtures";
import { named, type Registered, valueOf, visible } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

const webhook = "https://hooks.example.com/a-token-that-nobody-may-see";
const password = "a-password-that-nobody-may-see";
const figures = { p50: 160.2, p95: 161, p99: 162, jitter: 0.3 };

const replication = {
  lagMs: { primary: 54, secondary: 60 },
  ...{ conflicts: 4, tables: 3, unchecked: [], verdict: "up", measuredAt: "now" },
};

/** What the providers answer. */
function answer(type: string, name: string): Record<string, unknown> {
  if (type.endsWith(":RandomPassword")) return { result: pulumi.secret(password) };
  if (type.startsWith("random:")) return { base64: "MDEyMzQ1Njc4OWFiY2RlZg==" };
  if (type.endsWith(":CertificateAuthority")) return { certificate: "an authority\n", privateKey: "a key" };
  if (type.endsWith(":LeafCertificate"))
    return { certificate: `leaf of ${name}\n`, serial: "1", notBefore: "then", notAfter: "later" };
  if (type.endsWith(":TunnelRtt"))
    return {
      ...{ verdict: "up", rttMs: figures, underlayRttMs: figures },
      ...{ lossPercent: 0, encrypted: true, measuredAt: "now" },
    };
  if (type.endsWith(":ReplicationGate")) return replication;
  return type === "command:remote:Command" ? { stdout: `request of ${name}` } : {};
}

let all: readonly Registered[];
let outputs: ProgramOutputs;

beforeAll(async () => {
  const settings = {
    ...validSettings(),
    services: { postgres: { port: 5432, localPort: 6432 } },
    backup: {},
    ha: {},
    postgres: { writers: "primary", gate: { lagBudgetMs: 900, compareLimitMb: 2, deadlineSeconds: 400 } },
    health: { textfileDirectory: "/var/lib/metrics" },
    webhook,
    sshPrivateKey: privateKey,
  };
  ({ all, outputs } = await runProgram(settings, answer));
});

test("replication goes by the proxy's listener for the service", () => {
  for (const host of ["la-gw1", "sg-gw1"]) {
    const file = fileOf(requestOf(named(all, `postgres-${host}-replication`)), SUBSCRIPTION_FILE);
    expect((JSON.parse(file) as { dsn: string }).dsn).toContain(" hostaddr=127.0.0.1 port=6432 ");
  }
});

test("the database comes after the gate and the backup path, and knows its certificates", () => {
  expect(named(all, "postgres").dependencies).toEqual(
    expect.arrayContaining(["backup-la-gw1", "backup-sg-gw1", "link-rtt"]),
  );
  for (const host of ["la-gw1", "sg-gw1"]) {
    expect(named(all, `postgres-${host}`).dependencies).toContain(`certificates-${host}-leaf`);
  }
});

test("replication is measured after both sites were configured, by the settings' budget", async () => {
  const { inputs, type } = named(all, "postgres-replication");
  expect(type).toMatch(/:ReplicationGate$/);
  expect(inputs).toMatchObject({ measure: "onChange", deadlineSeconds: 400 });
  expect(String(inputs["fingerprint"]).split("+")).toHaveLength(4);
});

test("what watches is told the webhook and where metrics go, and the pair knows the database's heartbeats", () => {
  for (const host of ["la-gw1", "sg-gw1"]) {
    const request = requestOf(named(all, `postgres-${host}`));
    expect(JSON.parse(fileOf(request, "/etc/crossborder/postgres-wal-bound.json"))).toMatchObject({
      ...{ host, webhook, database: { database: "app", port: 5432, role: "crossborder_monitor" } },
      metricsFile: "/var/lib/metrics/crossborder_postgres_wal_bound.prom",
    });
    const beat = JSON.parse(fileOf(request, "/etc/crossborder/postgres-pair-beat.json")) as {
      heartbeats: { fit: string; current: string };
    };
    const keepalived = fileOf(requestOf(named(all, `ha-${host}`)), KEEPALIVED_FILE);
    expect(keepalived).toContain(`heartbeats/proxy ${beat.heartbeats.fit}"`);
    expect(keepalived).toContain(`heartbeats/link ${beat.heartbeats.current}"`);
  }
});

test("the outputs are what the contract says, and passwords are secrets", async () => {
  const values = Object.fromEntries(
    await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name, await valueOf(output)])),
  ) as StackOutputs;
  const { postgres, postgresFacts, postgresCredentials, hosts } = stackOutputs.parse(values);
  expect(postgres).toEqual({
    ...{ database: "app", port: 5432, peerPort: 6432 },
    ...{ writers: "primary", primary: "la", sites: ["la", "sg"], passwords: { use: 1, accept: [] } },
    ...{ la_to_sg: { lagMs: 54 }, sg_to_la: { lagMs: 60 } },
    ...{ conflicts: 4, tables: 3, unchecked: [], verdict: "up", measuredAt: "now" },
  });
  expect(postgresFacts).toMatchObject({
    primary: { site: "la", host: "la-gw1", connection: { privateKey } },
    secondary: { site: "sg", host: "sg-gw1" },
    ...{ database: "app", port: 5432, socket: "/var/run/postgresql" },
    ...{ lagBudgetMs: 900, compareLimitBytes: 2 * 2 ** 20 },
  });
  expect(await pulumi.isSecret(outputs.postgresFacts)).toBe(true);
  expect(postgresCredentials).toEqual([{ application: "app", database: "app", user: "app_a", password }]);
  expect(await pulumi.isSecret(outputs.postgresCredentials)).toBe(true);
  expect(hosts.map(({ components }) => components.map(({ component }) => component))).toEqual(
    Array(2).fill(expect.arrayContaining(["postgres", "postgres-replication"])),
  );
  for (const secret of [password, privateKeyLine, webhook]) {
    for (const resource of all) expect(visible(resource)).not.toContain(secret);
  }
});
