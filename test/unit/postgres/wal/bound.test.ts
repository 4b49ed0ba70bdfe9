import { DatabaseHost } from "../databaseHost";

jest.setTimeout(60_000);

let host: DatabaseHost;

const MB = 1_048_576;
const slot = (retainedMb: number | null, changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: "pgl_app_la_from_la",
  active: true,
  walStatus: "reserved",
  retainedBytes: retainedMb === null ? null : retainedMb * MB,
  ...changes,
});
const seen = (slots: unknown[], limitBytes: number | null = 1024 * MB): Record<string, string> => ({
  max_slot_wal_keep_size: JSON.stringify({
    limitBytes,
    slots,
    subscriptions: [{ name: "from_sg", status: "replicating" }],
    problems: { "no key": 2, drift: 1 },
    heartbeats: { la: 0.01, sg: 1.25 },
  }),
});
const look = (): ReturnType<DatabaseHost["run"]> => host.run("wal_bound.py");

beforeEach(() => {
  host = new DatabaseHost({ slots: ["_la_from_la"], warnPercent: 50, intervalSeconds: 1 });
  host.answer(seen([slot(1)]));
});

afterEach(() => host.remove());

test("each look beats before it looks, and writes even where writes are refused", async () => {
  expect((await look()).status).toBe(0);
  const [statement] = host.statements();
  expect(statement!.sql).toMatch(/perform crossborder\.beat\(\);[^]*pg_replication_slots/);
  expect(statement!.options).toContain("default_transaction_read_only=off");
});

test("what is kept is inside its bound: figures in state and metrics, no message", async () => {
  await look();
  expect(host.state()).toMatchObject({ state: "ok", pending: [], seen: { limitBytes: 1024 * MB } });
  const metrics = host.metrics();
  for (const line of [
    'crossborder_postgres_wal_state{site="la",host="la-gw1",state="ok"} 1',
    `crossborder_postgres_slot_retained_bytes{site="la",host="la-gw1",slot="pgl_app_la_from_la"} ${MB}`,
    'crossborder_postgres_slot_active{site="la",host="la-gw1",slot="pgl_app_la_from_la"} 1',
    'crossborder_postgres_subscription_replicating{site="la",host="la-gw1",subscription="from_sg"} 1',
    'crossborder_postgres_problems{site="la",host="la-gw1",kind="drift"} 1',
    'crossborder_postgres_problems{site="la",host="la-gw1",kind="no key"} 2',
    'crossborder_postgres_heartbeat_age_seconds{site="la",host="la-gw1",from="sg"} 1.25',
  ]) {
    expect(metrics).toContain(`${line}\n`);
  }
});

test("half of the bound is a warning, told once; it ends well below, and that is told too", async () => {
  host.configure({ webhook: "https://localhost:1/" });
  const states = [];
  for (const retained of [511, 512, 800, 480, 460]) {
    host.answer(seen([slot(retained, { active: false })]));
    await look();
    states.push(host.state()["state"]);
  }
  expect(states).toEqual(["ok", "warning", "warning", "warning", "ok"]);
  const pending = host.state()["pending"] as { from: string; to: string; reason: string }[];
  expect(pending.map(({ from, to }) => `${from} ${to}`)).toEqual(["ok warning", "warning ok"]);
  expect(pending[0]!.reason).toBe(
    "the slot pgl_app_la_from_la keeps 512 MB of WAL, 50 % of the 1024 MB that are kept for it",
  );
});

test.each<[string, unknown[], string]>([
  ["a slot that vanished", [], "the slot pgl_app_la_from_la is gone"],
  [
    "a slot that was invalidated",
    [slot(null, { walStatus: "lost", active: false })],
    "the slot pgl_app_la_from_la was passed by the bound of the WAL",
  ],
])("%s is lost", async (_what, slots, reason) => {
  await look();
  host.answer(seen(slots));
  expect((await look()).status).toBe(1);
  expect(host.state()).toMatchObject({ state: "lost", reason });
  expect(host.metrics()).toContain(
    'crossborder_postgres_wal_state{site="la",host="la-gw1",state="lost"} 1\n',
  );
});

test("a slot that never was there is waited for, without a message", async () => {
  host.answer(seen([]));
  await look();
  expect(host.state()).toMatchObject({ state: "waiting", pending: [] });
  host.answer(seen([slot(1)]));
  await look();
  expect(host.state()).toMatchObject({ state: "ok", pending: [] });
});

test("WAL without a bound is warned of", async () => {
  host.answer(seen([slot(1)], null));
  await look();
  expect(host.state()).toMatchObject({
    state: "warning",
    reason: "max_slot_wal_keep_size is not set: a peer that is away fills the disk",
  });
});

test("a database that is down is unknown, with psql's words, and a legal file of metrics", async () => {
  host.serverDown = true;
  const { status, journal } = await look();
  expect(status).toBe(1);
  expect(journal).toBe("");
  expect(host.state()).toMatchObject({ state: "unknown", reason: expect.stringContaining("No such file") });
  expect(host.metrics()).toContain(
    'crossborder_postgres_wal_state{site="la",host="la-gw1",state="unknown"} 1\n',
  );
});
