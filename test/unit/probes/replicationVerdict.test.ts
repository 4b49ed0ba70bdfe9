import { DatabaseError } from "../../../providers/postgres/psql";
import type { ReplicationMeasurement } from "../../../providers/probes/replicationMeasure";
import { judgeReplication, REPLICATION_LAYERS } from "../../../providers/probes/replicationVerdict";
import { explain } from "../../../providers/probes/verdict";
import { SshError } from "../../../providers/ssh/session";
import { databases, databaseState, difference, replication, version } from "./databases";

function fault(measurement: ReplicationMeasurement): { state: string; layer?: string; text: string } {
  const report = judgeReplication(databases, measurement);
  return { state: report.state, layer: report.diagnosis[0]?.layer, text: explain(report.diagnosis) };
}

test("healthy replication: lag each way, conflicts of both sides, nothing to say", () => {
  expect(judgeReplication(databases, replication())).toEqual({
    state: "up",
    lagMs: { primary: 54, secondary: 60 },
    conflicts: 4,
    tables: 3,
    unchecked: [],
    diagnosis: [],
  });
});

test("a host that can't be reached", () => {
  const sites = {
    ...replication().sites,
    secondary: {
      end: databases.secondary,
      problem: new SshError("unreachable", "192.0.2.2:22 cannot be reached"),
    },
  };
  expect(fault({ sites })).toMatchObject({
    state: "down",
    layer: "host",
    text: expect.stringContaining("sg-gw1: 192.0.2.2:22 cannot be reached"),
  });
  expect(judgeReplication(databases, { sites })).toMatchObject({ conflicts: null, lagMs: { primary: null } });
});

test.each([
  [
    "server",
    "connection to server on socket failed: No such file or directory",
    "PostgreSQL does not answer",
  ],
  ["role", 'FATAL: Peer authentication failed for user "crossborder_monitor"', "is refused"],
] as const)("%s: a database that does not let in", (failure, words, text) => {
  const sites = {
    ...replication().sites,
    primary: { end: databases.primary, problem: new DatabaseError(failure, words) },
  };
  expect(fault({ sites })).toMatchObject({
    state: "down",
    layer: failure,
    text: expect.stringContaining(text),
  });
});

describe("role", () => {
  test.each([
    'could not connect to the postgresql server: FATAL: certificate authentication failed for user "crossborder_replication"',
    'could not connect to the postgresql server: FATAL: role "crossborder_replication" does not exist',
    'could not connect to the postgresql server: FATAL: no pg_hba.conf entry for host "127.0.0.1"',
  ])("an apply worker that is not let in: %s", (message) => {
    const measurement = replication({
      sg: { subscriptions: [{ name: "from_la", status: "down" }] },
      applyError: { at: "2026-01-01 00:00:00 UTC", message },
    });
    const { layer, text } = fault(measurement);
    expect(layer).toBe("role");
    expect(text).toContain(`sg-gw1: the replication role is refused by la-gw1: ${message}`);
  });
});

describe("slot", () => {
  test("one that is gone: the site whose slot it was is the one to be rebuilt", () => {
    const { layer, text, state } = fault(replication({ sg: { slots: [] } }));
    expect([layer, state]).toEqual(["slot", "down"]);
    expect(text).toContain("sg-gw1: the slot pgl_app_sg_from_sg is gone");
    expect(text).toContain("npm run resync -- --from la --to sg");
  });

  test.each([{ walStatus: "lost" }, { retainedBytes: null, walStatus: null }])(
    "one that was passed by the bound: %j",
    (changes) => {
      const slots = [{ ...databaseState("la").slots[0]!, active: false, ...changes }];
      const { layer, text } = fault(
        replication({ la: { slots }, sg: { subscriptions: [{ name: "from_la", status: "down" }] } }),
      );
      expect(layer).toBe("slot");
      expect(text).toContain("la-gw1: the slot pgl_app_la_from_la was passed by the bound of the WAL");
      expect(text).toContain("npm run resync -- --from la --to sg");
    },
  );

  test("one that nobody reads, though its subscriber says that it replicates", () => {
    const slots = [{ ...databaseState("la").slots[0]!, active: false }];
    expect(fault(replication({ la: { slots } }))).toMatchObject({
      layer: "slot",
      text: expect.stringContaining("nobody reads the slot pgl_app_la_from_la, though sg says"),
    });
  });
});

describe("subscription", () => {
  test.each([
    ["down", "the subscription from_sg is down; its worker's last error: duplicate key value"],
    ["disabled", "the subscription from_sg is disabled"],
    ["initializing", "the subscription from_sg is initializing"],
  ])("%s", (status, text) => {
    const measurement = replication({
      la: { subscriptions: [{ name: "from_sg", status }] },
      applyError: { at: "2026-01-01 00:00:00 UTC", message: "duplicate key value" },
    });
    expect(fault(measurement)).toMatchObject({
      state: "down",
      layer: "subscription",
      text: expect.stringContaining(`la-gw1: ${text}`),
    });
  });

  test("none", () => {
    expect(fault(replication({ sg: { subscriptions: [] } })).text).toContain(
      "sg-gw1: there is no subscription from_la",
    );
  });
});

describe("rows", () => {
  const rows = (changes: object): ReplicationMeasurement =>
    replication({ rows: { compared: 3, mismatches: [], differences: [], unchecked: [], ...changes } });

  test("a first copy that failed still says that it is replicating: the missing rows tell", () => {
    const differences = ["(1)", "(2)", "(3)", "(4)"].map((key) => difference(version(key), null, key));
    const measurement = rows({ differences });
    expect(fault(measurement)).toMatchObject({
      state: "down",
      layer: "rows",
      text: expect.stringContaining(
        "public.t: 4 rows differ, 4 of them on la only and 0 on sg only (key (1), (2), (3) and 1 more)",
      ),
    });
    expect(judgeReplication(databases, measurement).tables).toBe(2);
  });

  test("a structure that was changed on one side", () => {
    const mismatches = [{ table: "public.t", why: "its columns are not the same" }];
    expect(fault(rows({ mismatches }))).toMatchObject({ state: "down", layer: "rows" });
  });

  test("tables above the limit are named, and are no fault", () => {
    expect(judgeReplication(databases, rows({ unchecked: ["public.big"] }))).toMatchObject({
      state: "up",
      unchecked: ["public.big"],
    });
  });
});

describe("lag", () => {
  test("above the budget is degraded, in the direction that is named", () => {
    const measurement = replication({ beats: { primary: [501, 499, 700], secondary: [60] } });
    expect(fault(measurement)).toMatchObject({
      state: "degraded",
      layer: "lag",
      text: expect.stringContaining("la to sg: a row takes 501 ms (median), the budget is 500 ms"),
    });
  });

  test("no row that arrives is down", () => {
    const measurement = replication({ beats: { primary: [50], secondary: [] } });
    expect(fault(measurement)).toMatchObject({
      state: "down",
      layer: "lag",
      text: expect.stringContaining("sg to la: no row that was written during the measurement arrived"),
    });
    expect(judgeReplication(databases, measurement).lagMs).toEqual({ primary: 50, secondary: null });
  });

  test("clocks that differ by more than the lag fall out of the mean of both ways", () => {
    const measurement = replication({ beats: { primary: [-40], secondary: [150] } });
    expect(judgeReplication(databases, measurement).lagMs).toEqual({ primary: 55, secondary: 55 });
  });
});

test("failures are listed from the lowest layer up, and no text holds a key to a host", () => {
  const report = judgeReplication(
    databases,
    replication({
      la: { slots: [], subscriptions: [{ name: "from_sg", status: "down" }] },
      sg: { subscriptions: [] },
      beats: { primary: [], secondary: [] },
    }),
  );
  const order = report.diagnosis.map(({ layer }) => REPLICATION_LAYERS.indexOf(layer));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(new Set(order).size).toBe(3);
  expect(JSON.stringify(report)).not.toContain("PRIVATE-KEY");
});
