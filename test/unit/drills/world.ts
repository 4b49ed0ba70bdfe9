import type { Conflict, Evidence, Row } from "../../../drills/checker/evidence";
import type { Attempt, Write } from "../../../drills/history";

type Site = "la" | "sg";
interface Stored extends Row {
  readonly at: number;
  readonly origin: Site;
}
interface Change {
  readonly row: Stored;
}

/** What may happen: a client writes at a site, or the oldest change of a site's queue reaches the other one. */
export type Happening =
  | {
      readonly what: "write";
      readonly site: Site;
      readonly kind: "insert" | "hot" | "own";
      readonly key: number;
      /** `ok`; the answer is lost, with the effect (`done`) or without it (`lost`); refused. */
      readonly fate: "ok" | "done" | "lost" | "failed";
    }
  | { readonly what: "deliver"; readonly to: Site };

function otherSite(site: Site): Site {
  return site === "la" ? "sg" : "la";
}

/**
 * Two sites that replicate to each other, where the last update wins and conflicts are recorded: the behaviour that the promises are
 * about, small enough to be believed.
 */
export class World {
  private readonly sides: Record<Site, Map<string, Stored>> = { la: new Map(), sg: new Map() };
  private readonly queues: Record<Site, Change[]> = { la: [], sg: [] };
  private readonly attempts: Attempt[] = [];
  private readonly conflicts: Conflict[] = [];
  private clock = 1_000;

  constructor() {
    for (const site of ["la", "sg"] as const)
      for (const key of ["hot/0", "hot/1", "update/la-writes/0", "update/sg-writes/0"])
        this.sides[site].set(key, { key, value: "seed", previous: null, at: 0, origin: "la" });
  }

  happen(one: Happening): void {
    if (one.what === "deliver") return this.deliver(one.to);
    const at = this.clock++;
    const client = `${one.site}-writes`;
    const id = `${client}/${at}`;
    const key =
      one.kind === "insert"
        ? `insert/${id}`
        : one.kind === "hot"
          ? `hot/${one.key % 2}`
          : `update/${client}/0`;
    const previous = this.sides[one.site].get(key)?.value ?? null;
    if (one.fate === "ok" || one.fate === "done") {
      const row: Stored = { key, value: id, previous, at, origin: one.site };
      this.sides[one.site].set(key, row);
      this.queues[otherSite(one.site)].push({ row });
    }
    const outcome = one.fate === "ok" ? "ok" : one.fate === "failed" ? "failed" : "unknown";
    const kind: Write["kind"] = one.kind === "insert" ? "insert" : "update";
    const answer = outcome === "ok" ? { server: one.site, ...(kind === "update" && { previous }) } : {};
    const times = { at, ended: this.clock++, took: 1 };
    this.attempts.push({ client, id, attempt: 1, outcome, kind, key, ...times, ...answer });
  }

  /** Brings everything that is under way to its end. */
  evidence(): Evidence {
    for (const site of ["la", "sg"] as const) while (this.queues[site].length > 0) this.deliver(site);
    const rows = (site: Site): Row[] =>
      [...this.sides[site].values()].map(({ key, value, previous }) => ({ key, value, previous }));
    return { attempts: this.attempts, rows: { la: rows("la"), sg: rows("sg") }, conflicts: this.conflicts };
  }

  private deliver(to: Site): void {
    const change = this.queues[to].shift();
    if (!change) return;
    const { row } = change;
    const local = this.sides[to].get(row.key);
    if (local && local.at > row.at) {
      this.conflicts.push({ key: row.key, loser: row.value });
      return;
    }
    if (local && local.value !== row.previous && local.at > 0)
      this.conflicts.push({ key: row.key, loser: local.value });
    this.sides[to].set(row.key, row);
  }
}
