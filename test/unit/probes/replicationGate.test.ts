import {
  mustMeasureReplication,
  passReplicationGate,
  refreshReplicationGate,
  type ReplicationGateInputs,
  type ReplicationGateOutputs,
} from "../../../providers/probes/replicationGate";
import {
  postgresStatus,
  replicationRows,
  replicationStatus,
} from "../../../providers/probes/replicationStatus";
import { exitStatus, type LinkStatus, renderLinkStatus } from "../../../providers/probes/status";
import { SshError } from "../../../providers/ssh/session";
import { databases, databaseState, FakeHosts, type Psql, table } from "./databases";

const inputs: ReplicationGateInputs = {
  databases,
  fingerprint: "one",
  measure: "onChange",
  beats: 3,
  deadlineSeconds: 60,
};

/** Two servers that replicate, with changes to some of their answers. */
function servers(changes: Psql = () => undefined): Psql {
  return (host, sql, clock) => {
    const changed = changes(host, sql, clock);
    if (changed !== undefined) return changed;
    if (sql.includes("pg_replication_slots")) return JSON.stringify(databaseState(host));
    if (sql.includes("crossborder.seen")) return JSON.stringify(host === "sg" ? [54, 53, 55] : [60, 61, 62]);
    if (sql.includes("crossborder.beat()")) return "";
    if (sql.includes("pglogical.tables")) return JSON.stringify([table]);
    if (sql.includes("as digest from public.t t")) {
      return sql.includes("as bucket") ? '{"0": [2, "77"]}' : '{"public.t": [2, "77"]}';
    }
    throw new Error(`nobody knows ${sql}`);
  };
}

const lacking: Psql = (host, sql) => {
  if (host !== "sg")
    return sql.includes("pg_xact_commit_timestamp_origin") ? '[["(1)","(1,x)",5,true]]' : undefined;
  if (sql.includes("as bucket")) return "{}";
  if (sql.includes("as digest")) return '{"public.t": [1, "7"]}';
  return sql.includes("pg_xact_commit_timestamp_origin") ? "[]" : undefined;
};

/** The databases while the secondary's site is out of service. */
const alone: ReplicationGateInputs = {
  ...inputs,
  databases: { ...databases, secondary: { ...databases.secondary, outOfService: true } },
};

describe("while a site is out of service", () => {
  test("the gate passes once, asks nobody, and keeps the figures that there were", async () => {
    const stored = await passReplicationGate(inputs, new FakeHosts(servers()));
    const hosts = new FakeHosts(servers());
    expect(mustMeasureReplication(stored, alone)).toBe(true);
    const passed = await passReplicationGate(alone, hosts, stored);
    expect(passed).toMatchObject({ verdict: "outOfService", lagMs: { primary: 54 }, diagnosis: "" });
    expect(await refreshReplicationGate(passed, hosts)).toBe(passed);
    expect(hosts.commands).toEqual([]);
    expect(mustMeasureReplication(passed, { ...alone, measure: "always" })).toBe(false);
    expect(mustMeasureReplication(passed, inputs)).toBe(true);
    expect(await passReplicationGate(alone, hosts)).toMatchObject({ conflicts: null, measuredAt: "" });
  });

  test("the status looks at the living site alone, and says what is wrong there", async () => {
    const well = await replicationStatus(alone.databases, new FakeHosts(servers()));
    expect(well).toMatchObject({ state: "outOfService", diagnosis: [] });
    expect(replicationRows(well)).toEqual([["postgres", "doesn't replicate: a site is out of service"]]);
    const ill = await replicationStatus(
      alone.databases,
      new FakeHosts(servers(), {
        exec: () => ({
          status: 2,
          stdout: "",
          stderr: "psql: error: connection to server on socket failed: Connection refused",
        }),
      }),
    );
    expect(ill).toMatchObject({ state: "outOfService", diagnosis: [{ layer: "server" }] });
  });
});

describe("passing the gate", () => {
  test("healthy replication: its figures, one connection for each host, all closed", async () => {
    const hosts = new FakeHosts(servers());
    await expect(passReplicationGate(inputs, hosts)).resolves.toMatchObject({
      verdict: "up",
      lagMs: { primary: 54, secondary: 61 },
      conflicts: 4,
      tables: 1,
      diagnosis: "",
      fingerprint: "one",
    });
    expect(hosts.open).toBe(0);
    expect(hosts.clock).toBe(0);
  });

  test("statements travel over standard input, as the monitor's role, and no key is in a command", async () => {
    const hosts = new FakeHosts(servers());
    await passReplicationGate(inputs, hosts);
    for (const { command } of hosts.commands) {
      expect(command).toBe(
        "cd / && psql -X -A -t -q -w -v ON_ERROR_STOP=1 -h /var/run/postgresql -p 5432 -U crossborder_monitor -d app",
      );
    }
    expect(JSON.stringify(hosts.commands)).not.toContain("PRIVATE-KEY");
  });

  test("each side waits for the beats of the other", async () => {
    const hosts = new FakeHosts(servers());
    await passReplicationGate(inputs, hosts);
    const waits = hosts.commands.filter(({ stdin }) => stdin.includes("crossborder.seen"));
    expect(waits.map(({ host, stdin }) => [host, /site = E'(\w+)'/.exec(stdin)![1]]).sort()).toEqual([
      ["la", "sg"],
      ["sg", "la"],
    ]);
  });

  test("it waits for subscriptions that are starting, and compares nothing before", async () => {
    const starting: Psql = (host, sql, clock) =>
      sql.includes("pg_replication_slots") && clock < 10_000
        ? JSON.stringify(
            databaseState(host, {
              subscriptions: [{ name: host === "la" ? "from_sg" : "from_la", status: "initializing" }],
            }),
          )
        : undefined;
    const hosts = new FakeHosts(servers(starting), {
      exec: (command) =>
        command.startsWith("cat ") ? { status: 0, stdout: '{"applyError": null}', stderr: "" } : undefined,
    });
    await expect(passReplicationGate(inputs, hosts)).resolves.toMatchObject({ verdict: "up" });
    expect(hosts.clock).toBe(10_000);
    const digests = hosts.commands.filter(({ stdin }) => stdin.includes("as digest"));
    expect(digests).toHaveLength(2);
  });

  test("it waits for rows of a first copy, and for a server that starts", async () => {
    const copying: Psql = (host, sql, clock) => (clock < 5_000 ? lacking(host, sql, clock) : undefined);
    const hosts = new FakeHosts(servers(copying));
    await expect(passReplicationGate(inputs, hosts)).resolves.toMatchObject({ verdict: "up" });
    expect(hosts.clock).toBeGreaterThan(5_000);
    const healthy = servers();
    const booting = new FakeHosts((host, sql, clock) =>
      host === "sg" && clock < 8_000 ? undefined : healthy(host, sql, clock),
    );
    await expect(passReplicationGate(inputs, booting)).resolves.toMatchObject({ verdict: "up" });
  });

  test("at the deadline it fails with the diagnosis: rows that are missing though it says replicating", async () => {
    const hosts = new FakeHosts(servers(lacking));
    await expect(passReplicationGate({ ...inputs, deadlineSeconds: 20 }, hosts)).rejects.toThrow(
      /^Replication la-sg is down\.\nAt fault: rows\. public\.t: 1 row differs, 1 of them on la only/,
    );
    expect(hosts.open).toBe(0);
  });

  test("a row on its way is no difference: the second look finds it", async () => {
    let looks = 0;
    const arriving: Psql = (host, sql, clock) => {
      if (host === "sg" && sql.includes("as bucket")) looks++;
      return looks > 1 && sql.includes("as bucket") ? '{"0": [2, "77"]}' : lacking(host, sql, clock);
    };
    await expect(passReplicationGate(inputs, new FakeHosts(servers(arriving)))).resolves.toMatchObject({
      verdict: "up",
    });
  });

  test("it does not wait for what waiting does not mend", async () => {
    const mismatch = new SshError("host-key-mismatch", "192.0.2.2:22 offered another key; refused");
    const hosts = new FakeHosts(servers(), { dial: (host) => (host === "sg" ? mismatch : undefined) });
    await expect(passReplicationGate(inputs, hosts)).rejects.toThrow(
      /host unreachable\. sg-gw1: .*another key/,
    );
    expect(hosts.clock).toBe(0);
  });

  test("a worker that is not let in is the role's fault, by the server's log", async () => {
    const down: Psql = (host, sql) =>
      host === "sg" && sql.includes("pg_replication_slots")
        ? JSON.stringify(databaseState("sg", { subscriptions: [{ name: "from_la", status: "down" }] }))
        : undefined;
    const applyError = {
      at: "2026-01-01 00:00:00 UTC",
      message: "certificate authentication failed for user",
    };
    const hosts = new FakeHosts(servers(down), {
      exec: (command) =>
        command === "cat /var/lib/crossborder/postgres-watch/conflict-log.json"
          ? { status: 0, stdout: JSON.stringify({ position: {}, applyError }), stderr: "" }
          : undefined,
    });
    await expect(passReplicationGate({ ...inputs, deadlineSeconds: 0 }, hosts)).rejects.toThrow(
      /At fault: role\. sg-gw1: the replication role is refused by la-gw1: certificate authentication failed/,
    );
  });
});

describe("refreshing the gate", () => {
  let stored: ReplicationGateOutputs;

  beforeEach(async () => {
    stored = await passReplicationGate(inputs, new FakeHosts(servers()));
  });

  test("healthy replication keeps its stored figures, to the letter, whatever its lag", async () => {
    const slower: Psql = (_host, sql) => (sql.includes("crossborder.seen") ? "[200]" : undefined);
    await expect(refreshReplicationGate(stored, new FakeHosts(servers(slower)))).resolves.toBe(stored);
  });

  test("what went down is recorded, and measured by the next deployment", async () => {
    expect(mustMeasureReplication(stored, inputs)).toBe(false);
    const down = await refreshReplicationGate(stored, new FakeHosts(() => undefined));
    expect(down).toMatchObject({
      verdict: "down",
      diagnosis: expect.stringContaining("At fault: server. la-gw1: PostgreSQL does not answer"),
      databases,
    });
    expect(mustMeasureReplication(down, inputs)).toBe(true);
  });

  test("hosts that cannot be reached are a verdict, not an exception", async () => {
    const gone = (): SshError => new SshError("unreachable", "no route to host");
    const hosts = new FakeHosts(servers(), { dial: gone });
    await expect(refreshReplicationGate(stored, hosts)).resolves.toMatchObject({
      verdict: "down",
      conflicts: null,
    });
  });
});

test.each<[string, Partial<ReplicationGateInputs>]>([
  ["the fingerprint", { fingerprint: "two" }],
  ["a connection", { databases: { ...databases, primary: { ...databases.primary, host: "la-gw2" } } }],
  ["the budget", { databases: { ...databases, lagBudgetMs: 90 } }],
  ["the number of beats", { beats: 7 }],
  ["measure: always", { measure: "always" }],
])("a deployment measures again after a change of %s", async (_what, change) => {
  const stored = await passReplicationGate(inputs, new FakeHosts(servers()));
  expect(mustMeasureReplication(stored, { ...inputs, ...change })).toBe(true);
  expect(mustMeasureReplication(stored, { ...inputs, deadlineSeconds: 30 })).toBe(false);
});

describe("status", () => {
  test("healthy: lag by the sites' names, and a table", async () => {
    const hosts = new FakeHosts(servers());
    const status = await replicationStatus(databases, hosts);
    expect(status).toEqual({
      state: "up",
      conflicts: 4,
      problems: [],
      diagnosis: [],
      lag: { la_to_sg: { lagMs: 54 }, sg_to_la: { lagMs: 61 } },
    });
    expect(replicationRows(status)).toEqual([
      ["postgres", "replication is up"],
      ["la to sg", "54 ms"],
      ["sg to la", "61 ms"],
      ["conflicts", "4 writes lost against another"],
    ]);
    expect(postgresStatus(status)).toEqual({
      ...{ la_to_sg: { lagMs: 54 }, sg_to_la: { lagMs: 61 } },
      ...{ state: "up", conflicts: 4, problems: [], diagnosis: [] },
    });
    expect(hosts.open).toBe(0);
    expect(hosts.commands.some(({ stdin }) => stdin.includes("as digest"))).toBe(false);
  });

  test("what needs a person is named with its site, and is no fault of replication", async () => {
    const found = {
      la: ["a", "b", "c", "d", "e"].map((table) => `no key app.${table}`),
      sg: ["drift app.item", "extra unique app.person"],
    };
    const look: Psql = (host, sql) =>
      sql.includes("crossborder.problems")
        ? JSON.stringify(databaseState(host, { problems: found[host] }))
        : undefined;
    const status = await replicationStatus(databases, new FakeHosts(servers(look)));
    expect(status).toMatchObject({ state: "up", diagnosis: [] });
    expect(status.problems).toHaveLength(7);
    expect(replicationRows(status).slice(-6)).toEqual([
      ["needs you", "la: no key app.a"],
      ...["b", "c", "d", "e"].map((table) => ["", `la: no key app.${table}`]),
      ["", "and 2 more"],
    ]);
  });

  test("the status of the whole is healthy while the databases replicate", async () => {
    const whole = (postgres: LinkStatus["postgres"]): LinkStatus =>
      ({
        link: { state: "up", diagnosis: [], history: null },
        ...{ backup: null, ha: null, postgres },
      }) as unknown as LinkStatus;
    const up = await replicationStatus(databases, new FakeHosts(servers()));
    expect(exitStatus(whole(null))).toBe(0);
    expect(exitStatus(whole(up))).toBe(0);
    expect(exitStatus(whole({ ...up, state: "degraded" }))).toBe(1);
    expect(renderLinkStatus(whole(up))).toMatch(/^ {2}la to sg {4}54 ms$/m);
    expect(renderLinkStatus(whole(null))).not.toContain("postgres");
  });

  test("down: what to do", async () => {
    const status = await replicationStatus(databases, new FakeHosts(() => undefined));
    expect(replicationRows(status)).toEqual(
      expect.arrayContaining([
        ["at fault", expect.stringContaining("server: la-gw1: PostgreSQL does not answer")],
        ["", expect.stringContaining("try: On la-gw1")],
      ]),
    );
  });
});
