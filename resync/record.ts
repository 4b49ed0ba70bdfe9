import { appendFileSync, closeSync, openSync } from "node:fs";
import type { Version } from "../providers/postgres/compare";
import { type Database, literal } from "../providers/postgres/psql";
import type { Decision } from "./plan";

/** The sites' names: of the source and of the target. */
export interface Sites {
  readonly source: string;
  readonly target: string;
}

function iso(version: Version | null): string | null {
  return version?.committedAt === null || version === null
    ? null
    : new Date(version.committedAt / 1000).toISOString();
}

/** The decisions that override something somebody wrote. */
export function overriding(decisions: readonly Decision[]): Decision[] {
  return decisions.filter(({ lost }) => lost !== null);
}

/** A file of what is overridden, that only its owner can read: one JSON value a line. */
export class RecordFile {
  private readonly written = new Set<string>();

  /** @throws Error when the file exists: it would be another run's. */
  constructor(
    readonly path: string,
    private readonly sites: Sites,
  ) {
    closeSync(openSync(path, "wx", 0o600));
  }

  /** Writes what decisions override, before anything is overridden. What was written already is not written again. */
  add(decisions: readonly Decision[]): void {
    const lines = overriding(decisions)
      .map((decision) => JSON.stringify(this.line(decision)))
      .filter((line) => !this.written.has(line));
    for (const line of lines) this.written.add(line);
    if (lines.length > 0) appendFileSync(this.path, lines.join("\n") + "\n");
  }

  private line({ difference: { table, key, a, b }, stands, lost, asked }: Decision): Record<string, unknown> {
    const kept = stands === "source" ? a : b;
    return {
      table: table.name,
      key,
      columns: table.columns,
      lostBy: stands === "source" ? this.sites.target : this.sites.source,
      lost: lost?.row,
      lostCommittedAt: iso(lost),
      kept: kept?.row ?? null,
      keptCommittedAt: iso(kept),
      decidedBy: asked ? "operator" : "time",
    };
  }
}

function text(value: string | null | undefined): string {
  return value === null || value === undefined ? "null" : literal(value);
}

function time(version: Version | null): string {
  return version === null || version.committedAt === null
    ? "null"
    : `timestamptz 'epoch' + interval '${version.committedAt} microseconds'`;
}

/** A row's columns as JSON of their texts, as the reader of the log records them. */
function columns(table: string, version: Version | null, only?: readonly string[]): string {
  if (!version) return "null";
  const wanted = only ? ` where quote_ident(key) in (${only.map(literal).join(", ")})` : "";
  return `(select jsonb_object_agg(key, value) from jsonb_each_text(to_jsonb(${literal(version.row)}::${table}))${wanted})`;
}

/** Records what was overridden in the table of conflicts of the side that it is recorded on. */
export async function recordConflicts(
  database: Database,
  decisions: readonly Decision[],
  sites: Sites,
  tool: "resync" | "repair",
): Promise<void> {
  const values = overriding(decisions).map(({ difference, stands, asked }) => {
    const { table, key, a, b } = difference;
    const kind = a && b ? "update_update" : a ? "delete_update" : "update_delete";
    const loser = stands === "source" ? sites.target : sites.source;
    const identity = [tool, table.name, key, a?.row ?? "", b?.row ?? "", iso(a) ?? "", iso(b) ?? ""].join(
      "\n",
    );
    return `(encode(sha256(convert_to(${literal(identity)}, 'UTF8')), 'hex'), ${literal(tool)}, clock_timestamp(),
      ${literal(table.name)}, ${literal(kind)}, ${columns(table.name, a ?? b, table.key)},
      ${literal(asked ? "asked" : "overridden")}, ${literal(loser)}, ${text(a?.row)}, ${columns(table.name, a)},
      ${literal(sites.source)}, ${time(a)}, ${text(b?.row)}, ${columns(table.name, b)}, ${literal(sites.target)}, ${time(b)})`;
  });
  for (let start = 0; start < values.length; start += 200) {
    await database.run(`insert into crossborder.conflict (event_key, source, happened_at, relation, kind, key, resolution,
      loser, local_tuple, local_row, local_origin, local_committed_at, remote_tuple, remote_row, remote_origin,
      remote_committed_at) values ${values.slice(start, start + 200).join(",\n")} on conflict (event_key) do nothing;`);
  }
}
