import fc from "fast-check";
import { areKept, checkPromises } from "../../../drills/checker/promises";
import type { Evidence, Row } from "../../../drills/checker/evidence";
import type { Write } from "../../../drills/history";
import { type Happening, World } from "./world";

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    what: fc.constant("write" as const),
    site: fc.constantFrom("la" as const, "sg" as const),
    kind: fc.constantFrom("insert" as const, "hot" as const, "own" as const),
    key: fc.nat(1),
    fate: fc.constantFrom("ok" as const, "ok" as const, "done" as const, "lost" as const, "failed" as const),
  }),
  fc.record({ what: fc.constant("deliver" as const), to: fc.constantFrom("la" as const, "sg" as const) }),
);

function evidenceOf(happenings: readonly Happening[]): Evidence {
  const world = new World();
  for (const one of happenings) world.happen(one);
  return world.evidence();
}

describe("two sites that keep their promises", () => {
  it("are believed, whatever is written, lost on the way back, and delivered when", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        const promises = checkPromises(evidenceOf(happenings));
        expect(areKept(promises) ? undefined : promises).toBeUndefined();
      }),
    );
  });

  it("are not, once an acknowledged insert is taken from one of them", () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 1, maxLength: 60 }), fc.nat(), (happenings, pick) => {
        const evidence = evidenceOf(happenings);
        const inserts = evidence.attempts.filter(
          (one): one is Write => one.kind === "insert" && one.outcome === "ok",
        );
        fc.pre(inserts.length > 0);
        const victim = inserts[pick % inserts.length]!;
        const sg = evidence.rows["sg"]!.filter(({ key }) => key !== victim.key);
        const { a, c } = checkPromises({ ...evidence, rows: { ...evidence.rows, sg } });
        expect(a.broken).toEqual([victim.id]);
        expect(c.broken).toEqual([victim.key]);
      }),
    );
  });

  it("are not, once the record of a conflict is gone that alone accounts for an update", () => {
    const known = happening.filter(
      (one) => one.what === "deliver" || one.fate === "ok" || one.fate === "failed",
    );
    fc.assert(
      fc.property(fc.array(known, { minLength: 10, maxLength: 60 }), (happenings) => {
        const evidence = evidenceOf(happenings);
        const replaced = new Set(
          evidence.attempts.flatMap((one) => ("previous" in one && one.previous ? [one.previous] : [])),
        );
        const victim = evidence.conflicts.find(({ loser }) => loser !== null && !replaced.has(loser))?.loser;
        fc.pre(victim !== undefined);
        const conflicts = evidence.conflicts.filter(({ loser }) => loser !== victim);
        expect(checkPromises({ ...evidence, conflicts }).b.broken).toEqual([victim]);
      }),
    );
  });
});

let now = 0;

/** A write that was acknowledged by a site. Each begins after the one before it has ended. */
function written(
  server: string,
  kind: Write["kind"],
  key: string,
  id: string,
  more: Partial<Write> = {},
): Write {
  const at = (now += 10);
  const previous = kind === "update" ? { previous: "seed" } : {};
  const outcome = "ok" as const;
  return {
    ...{ client: `${server}-writes`, id, attempt: 1 as const, outcome, at, ended: at + 5, took: 5 },
    ...{ kind, key, server, ...previous, ...more },
  };
}

function row(key: string, value: string, previous: string | null = null): Row {
  return { key, value, previous };
}

/** Evidence whose sides hold the same rows. */
function same(attempts: readonly Write[], rows: readonly Row[], more: Partial<Evidence> = {}): Evidence {
  return { attempts, rows: { la: rows, sg: rows }, conflicts: [], ...more };
}

beforeEach(() => (now = 0));

describe("(a) an acknowledged insert", () => {
  const insert = () => written("la", "insert", "insert/1", "1");

  it("is on both sides", () => {
    expect(checkPromises(same([insert()], [row("insert/1", "1")])).a).toEqual({ checked: 1, broken: [] });
  });

  it("that is on one side alone is named", () => {
    const evidence = same([insert()], [], { rows: { la: [row("insert/1", "1")], sg: [] } });
    expect(checkPromises(evidence).a.broken).toEqual(["1"]);
  });

  it("that is nowhere is named, though the sides are equal", () => {
    const { a, c } = checkPromises(same([insert()], []));
    expect([a.broken, c.broken]).toEqual([["1"], []]);
  });

  it("that was acknowledged at its second attempt counts once", () => {
    const first = { ...insert(), outcome: "unknown" as const };
    const second = { ...insert(), attempt: 2 as const };
    expect(checkPromises(same([first, second], [row("insert/1", "1")])).a.checked).toBe(1);
  });

  it("isn't owed when it failed, or its fate is unknown", () => {
    const attempts = (["failed", "unknown"] as const).map((outcome) => ({ ...insert(), outcome }));
    expect(checkPromises(same(attempts, [])).a).toEqual({ checked: 0, broken: [] });
  });
});

describe("(b) an acknowledged update", () => {
  const one = () => written("la", "update", "hot/0", "one");
  const two = (previous: string) => written("sg", "update", "hot/0", "two", { previous });

  it("that is nowhere, and that nobody says to have replaced, is named", () => {
    expect(checkPromises(same([one(), two("seed")], [row("hot/0", "two", "seed")])).b.broken).toEqual([
      "one",
    ]);
  });

  it("is accounted for by the update that replaced it", () => {
    expect(checkPromises(same([one(), two("one")], [row("hot/0", "two", "one")])).b.broken).toEqual([]);
  });

  it("is accounted for by a row that replaced it, whose writer never heard of its success", () => {
    const unheard: Write = { ...two("one"), outcome: "unknown", previous: undefined };
    expect(checkPromises(same([one(), unheard], [row("hot/0", "two", "one")])).b).toMatchObject({
      broken: [],
      undecided: [],
    });
  });

  it("is accounted for by a recorded conflict that it lost", () => {
    const conflicts = [{ key: "hot/0", loser: "one" }];
    const evidence = same([one(), two("seed")], [row("hot/0", "two", "seed")], { conflicts });
    expect(checkPromises(evidence).b.broken).toEqual([]);
  });

  it("can't be decided when a write whose answer was lost may have replaced it", () => {
    const attempts = [one(), { ...two("?"), outcome: "unknown" as const, previous: undefined }];
    const three = written("sg", "update", "hot/0", "three", { previous: "two" });
    expect(checkPromises(same([...attempts, three], [row("hot/0", "three", "two")])).b).toMatchObject({
      broken: [],
      undecided: ["one"],
    });
  });

  it("isn't excused by a write whose answer was lost and that had no effect, or was over before it began", () => {
    const none: Write = { ...two("?"), id: "none", outcome: "unknown", previous: undefined };
    const before: Write = { ...two("?"), id: "before", outcome: "unknown", previous: undefined };
    const after = written("sg", "update", "hot/0", "after", { previous: "before" });
    const evidence = same([none, before, after, one()], [row("hot/0", "after", "before")]);
    expect(checkPromises(evidence).b).toMatchObject({ broken: ["one"], undecided: [] });
  });
});

describe("(c) rows", () => {
  const differing = { la: [row("delete/shared/1", "x")], sg: [] };
  const removed = (server: string, kind: Write["kind"]) =>
    written(server, kind, "delete/shared/1", `${server}/1`);

  it("that both sides removed and put back may differ, and are named for their repair", () => {
    const attempts = [removed("la", "reinsert"), removed("sg", "delete")];
    expect(checkPromises(same(attempts, [], { rows: differing })).c).toEqual({
      checked: 1,
      broken: [],
      repairable: ["delete/shared/1"],
    });
  });

  it("that one side alone removed and put back may not", () => {
    const attempts = [removed("la", "delete"), removed("la", "reinsert")];
    expect(checkPromises(same(attempts, [], { rows: differing })).c.broken).toEqual(["delete/shared/1"]);
  });

  it("with another history of what they replaced differ", () => {
    const rows = { la: [row("hot/0", "seed", "x")], sg: [row("hot/0", "seed", "y")] };
    expect(checkPromises(same([], [], { rows })).c.broken).toEqual(["hot/0"]);
  });
});

describe("(d) a destroyed disk", () => {
  const inserts = () => [1, 2, 3].map((n) => written("la", "insert", `insert/${n}`, String(n)));
  const destroyed = { site: "la", at: 1000 };

  it("takes the end of what it acknowledged: all of it is listed, with the time that it spans", () => {
    const { a, d } = checkPromises(same(inserts(), [row("insert/1", "1")], { destroyed }));
    expect(a).toEqual({ checked: 0, broken: [] });
    expect(d).toEqual({ checked: 3, broken: [], lost: ["2", "3"], lostMs: 1000 - 25 });
  });

  it("must not take a write when one that began after it has arrived", () => {
    const { d } = checkPromises(same(inserts(), [row("insert/1", "1"), row("insert/3", "3")], { destroyed }));
    expect(d).toMatchObject({ broken: ["2"], lost: ["2"] });
  });

  it("takes updates too, also one that another lost update had replaced", () => {
    const first = written("la", "update", "hot/0", "first");
    const second = written("la", "update", "hot/0", "second", { previous: "first" });
    const { b, d } = checkPromises(
      same([...inserts(), first, second], [row("hot/0", "seed")], { destroyed }),
    );
    expect([b.broken, d?.lost, d?.broken]).toEqual([[], ["1", "2", "3", "first", "second"], []]);
  });

  it("excuses nothing that the other side acknowledged, nor what its site acknowledged once it was back", () => {
    const elsewhere = written("sg", "insert", "insert/8", "8");
    now = 2000;
    const later = written("la", "insert", "insert/9", "9");
    expect(checkPromises(same([elsewhere, later], [], { destroyed })).a.broken).toEqual(["8", "9"]);
  });

  it("isn't judged when every disk came back", () => {
    expect(checkPromises(same([], [])).d).toBeUndefined();
  });
});

test("one side's rows are not enough", () => {
  expect(() => checkPromises({ attempts: [], rows: { la: [] }, conflicts: [] })).toThrow("two sides");
});
