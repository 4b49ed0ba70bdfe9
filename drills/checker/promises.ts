import {
  type Acknowledged,
  acknowledgedWrites,
  classOf,
  type Evidence,
  type Row,
  writesOf,
} from "./evidence";
import { type Fate, fatesOf, wentWithDisk } from "./fates";

/** What became of one promise. */
export interface Verdict {
  /** How many writes or rows it was about. */
  readonly checked: number;
  /** Ids of the writes, or keys of the rows, that broke it. */
  readonly broken: readonly string[];
}

/** Promise (b). */
export interface Accounting extends Verdict {
  /** Ids of the updates that a write whose answer was lost may have replaced: they count as kept. */
  readonly undecided: readonly string[];
}

/** Promise (c). */
export interface Equality extends Verdict {
  /** Keys that were removed on one side and put back on the other at once, and differ: one command makes them equal. */
  readonly repairable: readonly string[];
}

/** Promise (d): what went with a disk. */
export interface Loss extends Verdict {
  /** Ids of the acknowledged writes that are lost. */
  readonly lost: readonly string[];
  /** From the first lost acknowledgement until the disk's end, in ms. */
  readonly lostMs: number;
}

export interface Promises {
  /** Every acknowledged insert is on both sides, if the disk that acknowledged it returned. */
  readonly a: Verdict;
  /** Every acknowledged update is the final value, or was knowingly replaced, or is listed as the loser of a conflict. */
  readonly b: Accounting;
  /** Rows are equal on both sides. */
  readonly c: Equality;
  /** What a destroyed disk took with it is the end of what it acknowledged, all of it listed. */
  readonly d?: Loss;
}

/** The rows of each site by key. */
type Sides = readonly ReadonlyMap<string, Row>[];

function onAll(sides: Sides, key: string): boolean {
  return sides.every((side) => side.has(key));
}

function insertsAreThere(inserts: readonly Acknowledged[], sides: Sides): Verdict {
  const missing = inserts.filter(({ key }) => !onAll(sides, key));
  return { checked: inserts.length, broken: missing.map(({ id }) => id) };
}

function updatesAreThere(updates: readonly Acknowledged[], fateOf: (one: Acknowledged) => Fate): Accounting {
  const having = (fate: Fate): string[] =>
    updates.filter((update) => fateOf(update) === fate).map(({ id }) => id);
  return { checked: updates.length, broken: having("missing"), undecided: having("undecided") };
}

/** Keys of the class `delete` that more than one side may have written. */
function contestedKeys(evidence: Evidence): Set<string> {
  const servers = new Map<string, Set<string>>();
  for (const { key, outcome, server } of writesOf(evidence)) {
    // Where a write of unknown fate arrived isn't known either: it counts as a side of its own.
    if (outcome !== "failed") servers.set(key, (servers.get(key) ?? new Set()).add(server ?? "unknown"));
  }
  const contested = [...servers].filter(([key, sides]) => classOf(key) === "delete" && sides.size > 1);
  return new Set(contested.map(([key]) => key));
}

function sidesOf({ rows }: Pick<Evidence, "rows">): Sides {
  return Object.values(rows).map((own) => new Map(own.map((row) => [row.key, row])));
}

function keysOf(sides: Sides): string[] {
  return [...new Set(sides.flatMap((side) => [...side.keys()]))].sort();
}

function differing(sides: Sides): string[] {
  const texts = (key: string): string[] =>
    sides.map((side) => {
      const row = side.get(key);
      return JSON.stringify(row ? [row.value, row.previous] : null);
    });
  return keysOf(sides).filter((key) => new Set(texts(key)).size > 1);
}

/** Keys of the rows that aren't the same on every side. */
export function differingKeys(evidence: Pick<Evidence, "rows">): string[] {
  return differing(sidesOf(evidence));
}

function rowsAreEqual(evidence: Evidence, sides: Sides): Equality {
  const different = differing(sides);
  const contested = contestedKeys(evidence);
  return {
    checked: keysOf(sides).length,
    broken: different.filter((key) => !contested.has(key)),
    repairable: different.filter((key) => contested.has(key)),
  };
}

/**
 * Replication hands a side's writes on in the order of their commits. So what a disk took with it is the end of them: a write that
 * is missing breaks the promise when one that began after its acknowledgement has arrived.
 */
function lossIsTheEnd(
  own: readonly Acknowledged[],
  destroyedAt: number,
  fateOf: (one: Acknowledged) => Fate,
): Loss {
  const lost = own.filter((write) => fateOf(write) === "missing");
  const newest = Math.max(...own.filter((write) => fateOf(write) === "known").map(({ began }) => began));
  const first = Math.min(...lost.map(({ acknowledged }) => acknowledged));
  return {
    checked: own.length,
    broken: lost.filter(({ acknowledged }) => acknowledged < newest).map(({ id }) => id),
    lost: lost.map(({ id }) => id),
    lostMs: lost.length === 0 ? 0 : destroyedAt - first,
  };
}

/**
 * Decides each promise from what clients saw and what the databases hold in the end.
 * @throws Error when there aren't the rows of two sides.
 */
export function checkPromises(evidence: Evidence): Promises {
  const sides = sidesOf(evidence);
  if (sides.length !== 2) throw new Error(`the rows of two sides are wanted, not of ${sides.length}`);
  const writes = acknowledgedWrites(evidence);
  const inserts = writes.filter(({ key }) => classOf(key) === "insert");
  const updates = writes.filter(({ kind }) => kind === "update");
  const updateFate = fatesOf(evidence);
  const fateOf = (write: Acknowledged): Fate =>
    write.kind === "update" ? updateFate(write) : onAll(sides, write.key) ? "known" : "missing";
  const returned = (write: Acknowledged): boolean => !wentWithDisk(evidence, write);
  const gone = [...inserts, ...updates].filter((write) => !returned(write));
  return {
    a: insertsAreThere(inserts.filter(returned), sides),
    b: updatesAreThere(updates.filter(returned), fateOf),
    c: rowsAreEqual(evidence, sides),
    ...(evidence.destroyed && { d: lossIsTheEnd(gone, evidence.destroyed.at, fateOf) }),
  };
}

/** Whether all promises were kept. */
export function areKept({ a, b, c, d }: Promises): boolean {
  return [a, b, c, ...(d ? [d] : [])].every(({ broken }) => broken.length === 0);
}
