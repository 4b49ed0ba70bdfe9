import { isWrite, type Attempt, type Write } from "../history";

/** A row of the clients' table as one side has it in the end. */
export interface Row {
  readonly key: string;
  /** The id of the write that made it what it is. */
  readonly value: string;
  /** The value that the last update replaced. */
  readonly previous: string | null;
}

/** A conflict that the databases recorded, about a row of the clients' table. */
export interface Conflict {
  readonly key: string;
  /** The value that lost; null when it can't be told, as for a delete. */
  readonly loser: string | null;
}

/** The end of a site's disk: what only it had acknowledged may be lost. */
export interface Destruction {
  readonly site: string;
  /** In ms since 1970. */
  readonly at: number;
}

/** All that a checker looks at, after the faults are healed and replication has caught up. */
export interface Evidence {
  readonly attempts: readonly Attempt[];
  /** The rows of each site, by its name. */
  readonly rows: Readonly<Record<string, readonly Row[]>>;
  readonly conflicts: readonly Conflict[];
  /** Absent when every disk came back. */
  readonly destroyed?: Destruction;
}

/** A write with its attempts taken together. */
export interface Acknowledged {
  readonly id: string;
  readonly client: string;
  readonly kind: Write["kind"];
  readonly key: string;
  /** The site that acknowledged it. */
  readonly server: string;
  /** When its first attempt began and when it was acknowledged, in ms since 1970. */
  readonly began: number;
  readonly acknowledged: number;
}

/** Class of a row, from its key. */
export type RowClass = "insert" | "update" | "hot" | "delete";

export function classOf(key: string): RowClass {
  return key.slice(0, key.indexOf("/")) as RowClass;
}

/** The writes of a history, in the order of their beginnings. */
export function writesOf({ attempts }: Evidence): Write[] {
  return attempts.filter(isWrite);
}

/** The writes that clients were told are done. */
export function acknowledgedWrites(evidence: Evidence): Acknowledged[] {
  const writes = writesOf(evidence);
  const began = new Map<string, number>();
  for (const { id, at } of writes) began.set(id, Math.min(began.get(id) ?? at, at));
  return writes
    .filter(({ outcome }) => outcome === "ok")
    .map(({ id, client, kind, key, server = "", ended }) => ({
      ...{ id, client, kind, key, server },
      ...{ began: began.get(id)!, acknowledged: ended },
    }));
}
