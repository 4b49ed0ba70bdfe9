import { pairTables, settled } from "../../../providers/postgres/compare";
import { plan, planRepair, type Knowledge } from "../../../resync/plan";
import { wording } from "../../../resync/questions";
import { difference, table, version } from "../probes/databases";

// Each has seen the other up to 100; what is newer was written while they were cut off.
const known: Knowledge = { sourceKnowsTargetUntil: 100, targetKnowsSourceUntil: 100 };
const at = (committedAt: number | null, written: "here" | "elsewhere" | null = "here") =>
  version(`(1,${committedAt})`, { committedAt, written });

function decide(...args: Parameters<typeof difference>) {
  const { decided, open } = plan([difference(...args)], known);
  const asked = Object.entries(open).filter(([, rows]) => rows.length > 0);
  return decided[0] ? { stands: decided[0].stands, lost: decided[0].lost } : asked[0]![0];
}

describe("rows of both", () => {
  test("the newer version stands, and what neither side knew of the other is lost", () => {
    expect(decide(at(150), at(160))).toEqual({ stands: "target", lost: at(150) });
    expect(decide(at(160), at(150))).toEqual({ stands: "source", lost: at(150) });
  });

  test("of two that are equally old the source's stands", () => {
    expect(decide(at(150), version("(1,b)", { committedAt: 150 }))).toMatchObject({ stands: "source" });
  });

  test("a version that the other side had seen and changed is old, not lost", () => {
    expect(decide(at(150), at(90))).toEqual({ stands: "source", lost: null });
    expect(decide(at(150), at(120, "elsewhere"))).toEqual({ stands: "source", lost: null });
    expect(decide(at(80), at(150))).toEqual({ stands: "target", lost: null });
  });

  test("without a time they are asked about", () => {
    expect(decide(at(null, null), at(150))).toBe("unordered");
    expect(decide(at(150), at(null, null))).toBe("unordered");
  });
});

describe("rows of the target only", () => {
  test("written there while it was cut off: merged", () => {
    expect(decide(null, at(150))).toEqual({ stands: "target", lost: null });
  });

  test("seen by the source, which deleted them: they go", () => {
    expect(decide(null, at(90))).toEqual({ stands: "source", lost: null });
    expect(decide(null, at(150, "elsewhere"))).toEqual({ stands: "source", lost: null });
  });

  test("of unknown time, or without a beat ever: asked", () => {
    expect(decide(null, at(null, null))).toBe("deleted-on-source");
    const { open } = plan([difference(null, at(150))], { ...known, sourceKnowsTargetUntil: null });
    expect(open["deleted-on-source"]).toHaveLength(1);
  });
});

describe("rows of the source only", () => {
  test("written there while it was cut off: kept", () => {
    expect(decide(at(150), null)).toEqual({ stands: "source", lost: null });
  });

  test.each([at(90), at(150, "elsewhere"), at(null, null)])(
    "that the target has had are never deleted unasked: its disk may have lost them (%j)",
    (row) => expect(decide(row, null)).toBe("deleted-on-target"),
  );
});

test("an answer decides all rows of its question, and what it overrides is lost", () => {
  const rows = [
    difference(at(90), null),
    difference(at(80), null, "(2)"),
    difference(at(null, null), at(150), "(3)"),
  ];
  const { decided, open } = plan(rows, known, { "deleted-on-target": "target" });
  expect(decided.map(({ stands, lost, asked }) => [stands, lost, asked])).toEqual([
    ["target", at(90), true],
    ["target", at(80), true],
  ]);
  expect(open.unordered).toHaveLength(1);
});

describe("repair", () => {
  test("the newer version stands, and a row stands against none", () => {
    const rows = [
      difference(at(150), at(160)),
      difference(at(150), null, "(2)"),
      difference(null, at(90), "(3)"),
    ];
    const { decided } = planRepair(rows);
    expect(decided.map(({ stands, lost }) => [stands, lost])).toEqual([
      ["target", at(150)],
      ["source", null],
      ["target", null],
    ]);
  });

  test("a preferred side stands whatever the times say; without times it is needed", () => {
    const rows = [difference(at(150), at(160)), difference(null, at(90), "(2)")];
    expect(planRepair(rows, "source").decided.map(({ stands }) => stands)).toEqual(["source", "source"]);
    const timeless = [difference(at(null, null), at(160))];
    expect(planRepair(timeless)).toMatchObject({ decided: [], open: { unordered: timeless } });
    expect(planRepair(timeless, "target").decided[0]).toMatchObject({ stands: "target" });
  });
});

test("every question says what each answer does", () => {
  const sites = { source: "la", target: "sg" };
  for (const question of ["unordered", "deleted-on-source", "deleted-on-target"] as const) {
    const text = wording(question, 2, sites);
    for (const word of ["2 rows", '"source"', '"target"', "la"]) expect(text).toContain(word);
  }
});

describe("comparing", () => {
  const sites = ["la", "sg"] as const;

  test("tables that are not on both sides, or not alike, are not compared but named", () => {
    const other = { ...table, name: "public.u" };
    const wider = { ...table, columns: [...table.columns, "w integer"] };
    const keyless = { ...table, key: [] };
    expect(pairTables([table], [table], sites)).toEqual({ tables: [table], mismatches: [] });
    const why = (a: object, b: object): string[] =>
      pairTables([a as typeof table], [b as typeof table], sites).mismatches.map((one) => one.why);
    expect(why(table, other)).toEqual(["it is replicated by sg only", "it is replicated by la only"]);
    expect(why(table, wider)[0]).toContain("la has id integer, v text; sg has id integer, v text, w integer");
    expect(why(keyless, keyless)).toEqual(["its key is not the same on both sides"]);
  });

  test("only what both looks found unchanged is different", () => {
    const stays = difference(at(1), at(2), "(1)");
    const arrives = difference(at(1), null, "(2)");
    const moves = difference(at(1), at(2), "(3)");
    const moved = difference(at(3), at(2), "(3)");
    expect(settled([stays, arrives, moves], [stays, moved])).toEqual([stays]);
  });
});
