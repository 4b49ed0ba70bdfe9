import { z } from "zod";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";
import type { Conflict, Row } from "./checker/evidence";
import { table } from "./workload/specification";

const rowSchema = z.array(z.object({ key: z.string(), value: z.string(), previous: z.string().nullable() }));
const conflictSchema = z.array(z.object({ key: z.string(), loser: z.string().nullable() }));

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Runs SQL on a gateway's database as its owner, over the local socket. @returns what it printed, unaligned. */
export function psql(session: Session, database: string, sql: string): Promise<string> {
  return run(session, `cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d ${database}`, {
    stdin: sql,
  });
}

/** The function that runs DDL on both sides. */
const ddlFunction = "crossborder.ddl";

/**
 * SQL for one side that makes the clients' table on both, empty but for its seeds. It belongs to the owner of the application's
 * schema, so that the application's logins have the rights on it that they have on every table there.
 */
export function prepareSql(owner: string, keys: readonly string[]): string {
  const ddl = `create table if not exists ${table} (key text primary key, value text not null, previous text)`;
  const seeds = keys.map((key) => `(${literal(key)}, 'seed')`).join(", ");
  return (
    `set role ${owner};\nselect ${ddlFunction}(${literal(ddl)});\n` +
    `delete from ${table};\ninsert into ${table} (key, value) values ${seeds};\n`
  );
}

/** One value for all of the clients' rows: sides with the same rows have the same. */
export async function fingerprint(session: Session, database: string): Promise<string> {
  const rows = `string_agg(t::text, E'\\n' order by key collate "C")`;
  return (await psql(session, database, `select md5(coalesce(${rows}, '')) from ${table} t;`)).trim();
}

/** How many reasons there are for which a side takes no writes, other than that the other one is the only writer. */
export async function readDoubts(session: Session, database: string): Promise<number> {
  return Number(
    await psql(session, database, "select count(*) from crossborder.closed where reason <> 'standby';"),
  );
}

/** The clients' rows, as a side has them. */
export async function readRows(session: Session, database: string): Promise<Row[]> {
  const said = await psql(session, database, `select coalesce(json_agg(t), '[]') from ${table} t;`);
  return rowSchema.parse(JSON.parse(said));
}

/**
 * The conflicts about the clients' rows that a side recorded from a moment on. The loser is the tuple that is in effect no more: the
 * local one when the remote one was applied, the remote one when it was kept out or had nothing to change.
 * @param since ms since 1970.
 */
export async function readConflicts(session: Session, database: string, since: number): Promise<Conflict[]> {
  const loser =
    "case resolution when 'apply_remote' then local_row when 'overridden' then local_row " +
    "when 'keep_local' then remote_row when 'skip' then remote_row end ->> 'value'";
  const sql =
    `select coalesce(json_agg(json_build_object('key', key ->> 'key', 'loser', ${loser})), '[]') from crossborder.conflict ` +
    `where relation = ${literal(table)} and key ? 'key' and happened_at >= to_timestamp(${since / 1000});`;
  return conflictSchema.parse(JSON.parse(await psql(session, database, sql)));
}
