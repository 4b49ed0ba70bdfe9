import { type Acknowledged, acknowledgedWrites, type Evidence, writesOf } from "./evidence";

/**
 * What became of an acknowledged update.
 *
 * `known`: it is the value of a row, or a recorded conflict lists it as the loser, or another write says that it replaced it.
 * `undecided`: none of these, but a write whose answer was lost had its effect on the row, and may have replaced it.
 * `missing`: neither.
 */
export type Fate = "known" | "undecided" | "missing";

/** Whether a destroyed disk acknowledged a write. */
export function wentWithDisk({ destroyed }: Evidence, write: Acknowledged): boolean {
  return destroyed !== undefined && write.server === destroyed.site && write.acknowledged <= destroyed.at;
}

/** Collects under each key what belongs to it. */
export function group<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const own = groups.get(key(item));
    if (own) own.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/** Prepares an answer to what became of each acknowledged update. */
export function fatesOf(evidence: Evidence): (update: Acknowledged) => Fate {
  const writes = writesOf(evidence);
  const rows = Object.values(evidence.rows).flat();
  const values = new Set(rows.map(({ value }) => value));
  const losers = new Set(evidence.conflicts.map(({ loser }) => loser));

  const acknowledged = new Map(acknowledgedWrites(evidence).map((write) => [write.id, write]));
  const replacements = group(
    [
      ...writes.flatMap(({ id, previous }) => (previous ? [{ id, previous }] : [])),
      ...rows.flatMap(({ value, previous }) => (previous ? [{ id: value, previous }] : [])),
    ],
    ({ previous }) => previous,
  );
  const isKnown = (id: string, asked: ReadonlySet<string> = new Set()): boolean => {
    if (values.has(id) || losers.has(id)) return true;
    return (replacements.get(id) ?? []).some((other) => {
      const write = acknowledged.get(other.id);
      // What replaced it may have gone with a disk before anybody else saw it; then it says nothing about the other side.
      if (write && !wentWithDisk(evidence, write)) return true;
      return !asked.has(other.id) && isKnown(other.id, new Set([...asked, id]));
    });
  };

  // Of a write whose answer was lost, what it replaced isn't known. It can't have replaced what began after it was itself replaced.
  const mayHaveReplaced = group(
    writes
      .filter(({ id, outcome }) => outcome === "unknown" && (acknowledged.has(id) || isKnown(id)))
      .map(({ id, key }) => {
        const ends = (replacements.get(id) ?? []).flatMap(
          (other) => acknowledged.get(other.id)?.acknowledged ?? [],
        );
        return { id, key, until: Math.min(...ends) };
      }),
    ({ key }) => key,
  );
  return ({ id, key, began }) => {
    if (isKnown(id)) return "known";
    const excuses = mayHaveReplaced.get(key) ?? [];
    return excuses.some((other) => other.id !== id && other.until >= began) ? "undecided" : "missing";
  };
}
