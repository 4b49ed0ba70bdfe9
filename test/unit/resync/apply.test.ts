import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Database } from "../../../providers/postgres/psql";
import { applyChanges, type Change, copyRows } from "../../../resync/apply";
import { recordConflicts, RecordFile } from "../../../resync/record";
import { difference, table, version } from "../probes/databases";

const sites = { source: "la", target: "sg" };

/** A database that keeps what it is told, and refuses the rows whose key it is given, as often as it is given. */
class FakeDatabase implements Database {
  readonly told: string[] = [];

  constructor(private readonly refuse: readonly string[] = []) {}

  async run(sql: string): Promise<string> {
    this.told.push(sql);
    return "";
  }

  async json<T>(sql: string): Promise<T> {
    this.told.push(sql);
    const refused = this.told.length > this.refuse.length ? [] : [this.refuse[this.told.length - 1]!];
    return refused
      .filter((key) => key !== "")
      .map((key) => ({ table: table.name, key, why: "duplicate key value" })) as T;
  }
}

function change(key: string, expected: string | null, next: string | null, at = 5): Change {
  return { table, key, expected: expected && version(expected), next: next && version(next), at } as Change;
}

test("rows are changed as replication would: its origin, its time, no triggers, only what is still as it was seen", async () => {
  const database = new FakeDatabase();
  await applyChanges(database, "pgl_app_sg_from_sg", [change("(1)", "(1,old)", "(1,new)", 1_234_567)]);
  expect(database.told).toHaveLength(1);
  expect(database.told[0]).toMatchSnapshot();
});

test("commits keep their order, and one time is one transaction", async () => {
  const database = new FakeDatabase();
  await applyChanges(database, "origin", [
    change("(1)", null, "(1,a)", 30),
    change("(2)", null, "(2,a)", 10),
    change("(3)", "(3,a)", null, 30),
  ]);
  const sql = database.told[0]!;
  expect(sql.match(/interval '\d+ microseconds'/g)).toEqual([
    "interval '10 microseconds'",
    "interval '30 microseconds'",
  ]);
  expect(sql.match(/^begin;$/gm)).toHaveLength(2);
  expect(sql).not.toContain(
    "insert into public.t (id, v) overriding system value select id, v from (select (E'(3,a)'",
  );
});

test("no value ends the body that it stands in", async () => {
  const database = new FakeDatabase();
  await applyChanges(database, "origin", [change("(1)", null, '(1,"$change$ \' \\\\ $$")')]);
  expect(database.told[0]!.match(/\$change\$/g)).toHaveLength(2);
  expect(database.told[0]).toContain("\\x24change\\x24 '' \\\\\\\\ \\x24\\x24");
});

test("a copy removes first what goes, and rows that are in each other's way give way together", async () => {
  const database = new FakeDatabase(["", "(2)"]);
  const refused = await copyRows(database, "origin", [
    change("(2)", "(2,b)", "(2,a)"),
    change("(1)", "(1,a)", null),
  ]);
  expect(refused).toEqual([]);
  expect(
    database.told.map((sql) => [/delete from public/.test(sql), /insert into public/.test(sql)]),
  ).toEqual([
    [true, false],
    [true, true],
    [true, false],
    [false, true],
  ]);
});

test("what can't be changed is told, with PostgreSQL's words", async () => {
  const refused = await copyRows(new FakeDatabase(["", "(2)", "", "(2)"]), "origin", [
    change("(1)", "(1,a)", null),
    change("(2)", "(2,b)", "(2,a)"),
  ]);
  expect(refused).toEqual([{ table: "public.t", key: "(2)", why: "duplicate key value" }]);
});

describe("recording", () => {
  const directory = mkdtempSync(join(tmpdir(), "crossborder-resync-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const lost = {
    difference: difference(version("(1,a)"), version("(1,b)", { committedAt: 2_000_000 })),
    stands: "target" as const,
    lost: version("(1,a)"),
    asked: false,
  };
  const kept = { ...lost, lost: null };

  test("what is overridden goes to a file that is its owner's, once", () => {
    const path = join(directory, "record.jsonl");
    const file = new RecordFile(path, sites);
    file.add([lost, kept]);
    file.add([lost]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).toBe(
      `${JSON.stringify({
        table: "public.t",
        key: "(1)",
        columns: ["id integer", "v text"],
        lostBy: "la",
        lost: "(1,a)",
        lostCommittedAt: "1970-01-01T00:00:01.000Z",
        kept: "(1,b)",
        keptCommittedAt: "1970-01-01T00:00:02.000Z",
        decidedBy: "time",
      })}\n`,
    );
    expect(() => new RecordFile(path, sites)).toThrow(/EEXIST/);
  });

  test("and to the table of conflicts, with the loser", async () => {
    const database = new FakeDatabase();
    await recordConflicts(database, [lost, kept], sites, "resync");
    expect(database.told).toHaveLength(1);
    expect(database.told[0]).toMatchSnapshot();
    await recordConflicts(database, [kept], sites, "resync");
    expect(database.told).toHaveLength(1);
  });
});
