import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "../../../providers/postgres/psql";
import type { Standing } from "../../../resync/plan";
import type { Side } from "../../../resync/replication";
import { type Operator, repair, resync } from "../../../resync/resync";
import { databases, table } from "../probes/databases";

/** What a fake site has: rows by key, with when they were committed, and how it replicates. */
interface Site {
  rows: Record<string, { row: string; at: number; here: boolean }>;
  subscription: string | null;
  slot: { usable: boolean; active: boolean } | null;
  /** The other site's newest beat that arrived, µs. */
  seenUntil: number;
  /** Whether it refuses writes already, as after a restoration. */
  closed?: boolean;
}

/** What happened, in order, on both sites. */
let trace: string[];
/** Keys that a site refuses to take. */
let refused: string[];

/** Answers what a resynchronisation asks, and carries out its changes. */
function fake(name: string, site: Site): Side {
  const note = (what: string): void => void trace.push(`${name}: ${what}`);
  const effects: [RegExp, (found: RegExpExecArray) => void][] = [
    [/set_writable\((\w+), 'resync'\)/, ([, value]) => note(value === "true" ? "open" : "closed")],
    [/alter_subscription_(dis|en)able/, ([, which]) => note(which === "dis" ? "disabled" : "enabled")],
    [/pg_create_logical_replication_slot/, () => note("slot renewed")],
    [/pg_replication_origin_create/, () => note("origin forgotten")],
    [/insert into crossborder\.conflict/, () => note("recorded")],
  ];
  const answer = (sql: string): unknown => {
    for (const [pattern, effect] of effects) {
      const found = pattern.exec(sql);
      if (found) effect(found);
    }
    if (sql.includes("pg_replication_origin_session_setup")) return apply(sql);
    if (sql.includes("show_subscription_status")) {
      const slot = `pgl_app_${name === "la" ? "sg_from_sg" : "la_from_la"}`;
      return site.subscription && { status: site.subscription, slot };
    }
    if (sql.includes("pg_replication_slots")) return site.slot;
    if (sql.includes("from crossborder.closed")) return site.closed ?? false;
    if (sql.includes("pg_stat_activity")) return false;
    if (sql.includes("extract(epoch from beat_at)")) return site.seenUntil;
    if (sql.includes("select beat from crossborder.heartbeat")) return 7;
    if (sql.includes("pglogical.tables")) return [table];
    if (sql.includes("as bucket")) return { "0": [Object.keys(site.rows).length, JSON.stringify(site.rows)] };
    if (sql.includes("as digest")) return { "public.t": [0, JSON.stringify(site.rows)] };
    if (sql.includes("pg_xact_commit_timestamp_origin"))
      return Object.entries(site.rows).map(([key, { row, at, here }]) => [key, row, at, here]);
    if (sql.includes("clock_timestamp() ")) return 900;
    return 900;
  };
  const apply = (sql: string): unknown[] => {
    const failures: unknown[] = [];
    let at = 0;
    for (const part of sql.split(/(?=^begin;$)|(?=^do \$change\$)/m)) {
      at = Number(/interval '(\d+) microseconds'/.exec(part)?.[1] ?? at);
      if (!part.startsWith("do $change$")) continue;
      const key = /values \(E'public\.t', E'(\(.*?\))'/.exec(part)![1]!;
      const next = /from \(select \(E'(.*?)'::public\.t\)\.\*\) r/.exec(part)?.[1];
      if (next !== undefined && name === "la" && refused.includes(key)) {
        failures.push({ table: "public.t", key, why: "duplicate key value" });
        continue;
      }
      note(`${key} becomes ${next ?? "nothing"} of ${at}`);
      if (next === undefined) Reflect.deleteProperty(site.rows, key);
      else site.rows[key] = { row: next, at, here: false };
    }
    return failures;
  };
  const database: Database = {
    run: async (sql) => String(answer(sql)),
    json: async (sql, schema) => schema.parse(answer(sql)),
  };
  return { end: name === "la" ? databases.primary : databases.secondary, database };
}

const row = (text: string, at: number, here = true) => ({ row: text, at, here });

let directory: string;
let la: Site;
let sg: Site;
let said: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "crossborder-resync-"));
  [trace, refused, said] = [[], [], []];
  la = {
    rows: { "(1)": row("(1,la)", 150), "(2)": row("(2,la)", 170), "(4)": row("(4,la)", 160) },
    subscription: "down",
    slot: { usable: false, active: false },
    seenUntil: 100,
  };
  sg = {
    rows: { "(1)": row("(1,sg)", 160), "(2)": row("(2,sg)", 140), "(3)": row("(3,sg)", 155) },
    subscription: "down",
    slot: { usable: true, active: false },
    seenUntil: 100,
  };
});

afterEach(() => rmSync(directory, { recursive: true }));

const operator = (answer?: Standing, leaveOut = true): Operator => ({
  say: (text) => void said.push(text),
  decide: async () => answer,
  leaveOut: async () => leaveOut,
});
const sleep = async (): Promise<void> => undefined;
const options = (dryRun = false) => ({ dryRun, recordFile: join(directory, "record") });
const record = (): string => readFileSync(join(directory, "record"), "utf8");
const run = (who = operator("source"), dryRun = false) =>
  resync(fake("la", la), fake("sg", sg), options(dryRun), who, sleep);

test("newer and unique rows of the target are merged, then it becomes the source, and only then it is used again", async () => {
  const rows = await run();
  expect(rows?.differences).toEqual([]);
  expect(la.rows).toMatchObject({
    "(1)": { row: "(1,sg)" },
    "(2)": { row: "(2,la)" },
    "(3)": { row: "(3,sg)" },
  });
  expect(Object.keys(sg.rows).sort()).toEqual(["(1)", "(2)", "(3)", "(4)"]);
  expect(trace).toEqual([
    "sg: closed",
    "sg: disabled",
    "la: disabled",
    "la: slot renewed",
    "sg: origin forgotten",
    "sg: slot renewed",
    "la: origin forgotten",
    "la: recorded",
    "la: (3) becomes (3,sg) of 155",
    "la: (1) becomes (1,sg) of 160",
    // What was overridden already is recorded again, under the same key.
    "la: recorded",
    "sg: (2) becomes (2,la) of 900",
    "sg: (4) becomes (4,la) of 900",
    "la: enabled",
    "sg: enabled",
    "sg: open",
  ]);
  const lines = record().trim().split("\n");
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ key: "(1)", lostBy: "la", lost: "(1,la)", kept: "(1,sg)" }),
    expect.objectContaining({ key: "(2)", lostBy: "sg", lost: "(2,sg)", kept: "(2,la)" }),
  ]);
});

test("a slot that works is kept, and what it holds is let through before anything is compared", async () => {
  for (const site of [la, sg])
    Object.assign(site, { subscription: "replicating", slot: { usable: true, active: false } });
  await run();
  expect(trace).not.toContain("la: slot renewed");
  expect(trace).not.toContain("sg: slot renewed");
});

test("a dry run says what would be done, and does nothing", async () => {
  la.rows["(9)"] = row("(9,la)", 50);
  const before = JSON.stringify([la, sg]);
  await expect(run(operator("source"), true)).resolves.toBeUndefined();
  expect(trace).toEqual([]);
  expect(JSON.stringify([la, sg])).toBe(before);
  expect(said).toContain("to be asked, as deleted-on-target: public.t (9)");
  expect(said).toContain(
    "5 rows differ: 2 rows go from sg to la, 2 rows go from la to sg, 2 versions are overridden and recorded",
  );
});

test("an operator who stops at a question leaves everything as it was", async () => {
  la.rows["(9)"] = row("(9,la)", 50);
  await expect(run(operator(undefined))).resolves.toBeUndefined();
  expect(trace).toEqual(["sg: closed", "sg: open"]);
});

test("a restored target that refuses writes already isn't opened by an operator who stops", async () => {
  sg.closed = true;
  la.rows["(9)"] = row("(9,la)", 50);
  await expect(run(operator(undefined))).resolves.toBeUndefined();
  expect(trace).toEqual(["sg: closed"]);
  expect(said.at(-1)).toBe("sg goes on refusing writes, as before");
});

test("rows that the source refuses are left out, recorded, and go from the target", async () => {
  refused = ["(3)"];
  const rows = await run();
  expect(rows?.differences).toEqual([]);
  expect(Object.keys(sg.rows)).not.toContain("(3)");
  expect(record()).toContain('"key":"(3)","columns":["id integer","v text"],"lostBy":"sg","lost":"(3,sg)"');
});

test("an operator who stops there leaves a target that refuses writes, and says so", async () => {
  refused = ["(3)"];
  await expect(run(operator("source", false))).resolves.toBeUndefined();
  expect(trace).not.toContain("sg: open");
  expect(said.at(-1)).toContain("sg refuses writes and does not replicate until this command is run again");
});

test("without a subscription there is nothing to bring back", async () => {
  sg.subscription = null;
  await expect(run()).rejects.toThrow("sg-gw1 has no subscription to la; `pulumi up` makes it");
  expect(trace).toEqual([]);
});

describe("repair", () => {
  const runRepair = (dryRun = false, prefer?: Standing) =>
    repair(fake("la", la), fake("sg", sg), { ...options(dryRun), prefer }, operator(), sleep);

  test("each side is corrected by the newer version, with its subscription at rest", async () => {
    await expect(runRepair()).resolves.toEqual({ found: 4, repaired: 4 });
    expect(la.rows).toEqual(expect.objectContaining({ "(1)": row("(1,sg)", 160, false) }));
    expect(
      Object.values(la.rows)
        .map((one) => one.row)
        .sort(),
    ).toEqual(
      Object.values(sg.rows)
        .map((one) => one.row)
        .sort(),
    );
    expect(trace.slice(0, 4)).toEqual([
      "sg: disabled",
      "sg: (4) becomes (4,la) of 160",
      "sg: (2) becomes (2,la) of 170",
      "sg: enabled",
    ]);
    expect(trace).not.toContain("sg: closed");
  });

  test("a preferred side stands; a dry run only says so", async () => {
    await expect(runRepair(true, "source")).resolves.toEqual({ found: 4, repaired: 0 });
    expect(said).toContain("public.t (1): two versions; that of la stands");
    expect(trace).toEqual([]);
  });
});
