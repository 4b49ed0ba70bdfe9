import { linkOutput, postgresOutput, stackOutputs } from "../../../outputs/contract";
import { rawServices } from "../backup/fixtures";
import { privateKey, validSettings } from "../settings/fixtures";
import { requestOf } from "./fixtures";
import { named, plain, type Registered, valueOf } from "./recorder";
import { type ProgramOutputs, runProgram } from "./runProgram";

const dead = /^(link|certificates|backup|ha|postgres)-sg-gw1/;

/** What the providers answer. */
function answer(type: string): Record<string, unknown> {
  if (type.endsWith(":RandomPassword")) return { result: "a password" };
  if (type.startsWith("random:")) return { base64: "MDEyMzQ1Njc4OWFiY2RlZg==" };
  if (type.endsWith(":CertificateAuthority")) return { certificate: "an authority\n", privateKey: "a key" };
  if (type.endsWith(":LeafCertificate"))
    return { certificate: "a leaf\n", serial: "1", notBefore: "then", notAfter: "later" };
  if (type.endsWith(":TunnelRtt"))
    return {
      ...{ verdict: "outOfService", rttMs: null, underlayRttMs: null },
      ...{ lossPercent: 100, encrypted: false, measuredAt: "" },
    };
  if (type.endsWith(":ReplicationGate"))
    return {
      lagMs: { primary: null, secondary: null },
      ...{ conflicts: null, tables: 0, unchecked: [], verdict: "outOfService", measuredAt: "" },
    };
  return type === "command:remote:Command" ? { stdout: "a request" } : {};
}

let all: readonly Registered[];
let outputs: ProgramOutputs;

beforeAll(async () => {
  const { sites, ...rest } = validSettings() as { sites: Record<"la" | "sg", object> };
  const settings = {
    ...rest,
    sites: { la: sites.la, sg: { ...sites.sg, outOfService: true } },
    services: { ...rawServices, postgres: { port: 5432 } },
    ...{ backup: {}, ha: {}, postgres: {} },
    sshPrivateKey: privateKey,
  };
  ({ all, outputs } = await runProgram(settings, answer));
});

function commands(): Registered[] {
  return all.filter(({ type }) => type === "command:remote:Command");
}

test("no command is given for the dead site's host, and what the state has of it is kept, and retained", () => {
  const left = commands().filter(({ name }) => dead.test(name));
  expect(left.map(({ name }) => name).sort()).toEqual([
    "backup-sg-gw1",
    "certificates-sg-gw1",
    "certificates-sg-gw1-key-1",
    "ha-sg-gw1",
    "link-sg-gw1",
    "postgres-sg-gw1",
    "postgres-sg-gw1-replication",
  ]);
  for (const { inputs, ignoreChanges, retainOnDelete } of left) {
    expect(Object.keys(inputs).sort()).toEqual(["addPreviousOutputInEnv", "connection", "logging"]);
    expect(ignoreChanges).toEqual(["*"]);
    expect(retainOnDelete).toBe(true);
  }
});

test("the living site's host is configured as ever, but for its subscription to the dead one", () => {
  const living = commands().filter(({ name }) => !dead.test(name));
  for (const { name, inputs, ignoreChanges, retainOnDelete } of living) {
    const untouched = name === "postgres-la-gw1-replication";
    expect([name, ignoreChanges, retainOnDelete]).toEqual([name, untouched ? ["*"] : [], false]);
    expect("create" in inputs).toBe(!untouched);
  }
  expect(living).toHaveLength(7);
});

test("what is committed together is committed on the living host alone, and doesn't wait for its peer", () => {
  for (const commit of ["link-commit", "ha-commit"]) {
    const { hosts, connections } = named(all, commit).inputs;
    expect((hosts as { name: string }[]).map(({ name }) => name)).toEqual(["la-gw1"]);
    expect(Object.keys(plain(connections) as object)).toEqual(["la-gw1"]);
  }
  expect(requestOf(named(all, "link-la-gw1")).manifest.confirm).toEqual({ settle: [], ready: [] });
});

test("the dead host's certificate is held, the living one's isn't", () => {
  expect(named(all, "certificates-sg-gw1-leaf").inputs["hold"]).toBe(true);
  expect(named(all, "certificates-la-gw1-leaf").inputs).not.toHaveProperty("hold");
});

test("gates are told which end not to ask", () => {
  const link = plain(named(all, "link-rtt").inputs["link"]) as Record<string, object>;
  expect(link["responder"]).toMatchObject({ host: "sg-gw1", outOfService: true });
  expect(link["initiator"]).not.toHaveProperty("outOfService");
  const databases = plain(named(all, "postgres-replication").inputs["databases"]) as Record<string, object>;
  expect(databases["secondary"]).toMatchObject({ host: "sg-gw1", outOfService: true });
  expect(databases["primary"]).not.toHaveProperty("outOfService");
});

test("the outputs say that the link and replication are out of service, and what the dead host never got is not theirs", async () => {
  const values = Object.fromEntries(
    await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name, await valueOf(output)])),
  ) as Record<string, unknown>;
  const { link, postgres, hosts } = stackOutputs.parse(values);
  expect(linkOutput.parse(link).gate).toMatchObject({ verdict: "outOfService", rttMs: null });
  expect(postgresOutput.parse(postgres)).toMatchObject({
    verdict: "outOfService",
    la_to_sg: { lagMs: null },
  });
  expect(hosts.map(({ name, outOfService, components }) => [name, outOfService, components.length])).toEqual([
    ["la-gw1", false, 5],
    ["sg-gw1", true, 0],
  ]);
});
