import { z } from "zod";
import type { Table, Version } from "../providers/postgres/compare";
import { type Database, literal } from "../providers/postgres/psql";

/** One row of one table to be brought from one state into another. null where there is, or shall be, no row. */
export interface Change {
  readonly table: Table;
  readonly key: string;
  /** What is there now; the change is not made when something else is. */
  readonly expected: Version | null;
  readonly next: Version | null;
  /** When the change counts as committed, µs since 1970: what later conflicts are decided by. */
  readonly at: number;
}

/** A change that was not made, with PostgreSQL's reason. */
export interface Refusal {
  readonly table: string;
  readonly key: string;
  readonly why: string;
}

/** The reason of a change that was not made because the row is another by now: it can be decided anew. */
export const CHANGED_MEANWHILE = "it was changed meanwhile";

/** Changes of one psql run. */
const BATCH = 500;
const TIMEOUT_MS = 600_000;

/** A literal for use inside a dollar-quoted body: nothing in it can end the body. */
function inside(value: string): string {
  return literal(value).replaceAll("$", "\\x24");
}

function record(table: Table, version: Version): string {
  return `(${inside(version.row)}::${table.name})`;
}

/** Makes one change or notes why not; a refused row takes no other with it. */
function statement({ table, key, expected, next }: Change): string {
  const lines: string[] = [];
  if (expected) {
    const row = record(table, expected);
    const keys = table.key.map((column) => `t.${column} = ${row}.${column}`).join(" and ");
    lines.push(
      `delete from ${table.name} t where ${keys} and t::text = ${inside(expected.row)};`,
      `if not found then raise exception '${CHANGED_MEANWHILE}'; end if;`,
    );
  }
  if (next) {
    const columns = table.writable.join(", ");
    lines.push(
      `insert into ${table.name} (${columns}) overriding system value select ${columns} from (select ${record(table, next)}.*) r;`,
    );
  }
  return `do $change$
begin
  ${lines.join("\n  ")}
exception when others then
  insert into crossborder_refused values (${inside(table.name)}, ${inside(key)}, sqlerrm);
end
$change$;`;
}

function time(at: number): string {
  return `timestamptz 'epoch' + interval '${at} microseconds'`;
}

/**
 * Changes rows of one side as if replication had brought them: under the origin of the subscription from the other side and
 * with the time at which they were committed there. So they are not sent back, and later writes are judged by that time.
 * Triggers and foreign keys do not act, as they do not in replication. The subscription has to be disabled: an origin has
 * one user at a time.
 * @param origin Name of the subscription's replication origin, which is the name of its slot.
 */
export async function applyChanges(
  database: Database,
  origin: string,
  changes: readonly Change[],
): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  for (let start = 0; start < changes.length; start += BATCH) {
    const batch = changes.slice(start, start + BATCH).sort((x, y) => x.at - y.at);
    const transactions = [...new Set(batch.map(({ at }) => at))].map(
      (at) => `begin;
select pg_replication_origin_xact_setup('0/0', ${time(at)});
${batch
  .filter((change) => change.at === at)
  .map(statement)
  .join("\n")}
commit;`,
    );
    const sql = `create temp table crossborder_refused (name text, key text, why text);
set session_replication_role = replica;
select pg_replication_origin_session_setup(${literal(origin)});
${transactions.join("\n")}
select pg_replication_origin_session_reset();
select coalesce(jsonb_agg(jsonb_build_object('table', name, 'key', key, 'why', why)), '[]') from crossborder_refused;`;
    const refused = z.array(z.object({ table: z.string(), key: z.string(), why: z.string() }));
    refusals.push(...(await database.json(sql, refused, TIMEOUT_MS)));
  }
  return refusals;
}

/**
 * Makes rows of one side those of the other, which is consistent in itself: a row that is in the way of another (by a unique
 * constraint) is one that goes. Rows that go are removed first; rows that still could not be changed give way to each other
 * together.
 */
export async function copyRows(
  database: Database,
  origin: string,
  changes: readonly Change[],
): Promise<Refusal[]> {
  const gone = changes.filter(({ next }) => next === null);
  const kept = changes.filter(({ next }) => next !== null);
  const stuck = await applyChanges(database, origin, gone);
  const refused = await applyChanges(database, origin, kept);
  const again = kept.filter(({ table, key }) =>
    refused.some((refusal) => refusal.table === table.name && refusal.key === key),
  );
  const removed = await applyChanges(
    database,
    origin,
    again.flatMap((change) => (change.expected ? [{ ...change, next: null }] : [])),
  );
  const left = again.filter(
    ({ key, table }) => !removed.some((one) => one.table === table.name && one.key === key),
  );
  const added = await applyChanges(
    database,
    origin,
    left.map((change) => ({ ...change, expected: null })),
  );
  return [...stuck, ...removed, ...added];
}
