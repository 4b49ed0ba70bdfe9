import { z } from "zod";
import { type Database, literal } from "./psql";

/** A replicated table as one site has it. Identifiers are quoted as SQL wants them. */
export interface Table {
  /** `schema.table` */
  readonly name: string;
  /** Name and type of each column, in order: rows are told by their text. */
  readonly columns: readonly string[];
  /** The columns that pglogical tells rows apart by. */
  readonly key: readonly string[];
  /** Columns that can be written: all but those that are generated. */
  readonly writable: readonly string[];
  readonly bytes: number;
  /** The planner's estimate. */
  readonly rows: number;
}

/** One version of a row. */
export interface Version {
  /** The row as PostgreSQL's text of a record. */
  readonly row: string;
  /** When it was committed first, by the clock of the site that wrote it, µs since 1970; null when that is not kept any more. */
  readonly committedAt: number | null;
  /** Whether it was written on the site where it was found; null when that is not kept any more. */
  readonly written: "here" | "elsewhere" | null;
}

/** A key whose rows are not the same on both sides; null where there is no row. */
export interface Difference {
  readonly table: Table;
  /** Text of the key's record. */
  readonly key: string;
  readonly a: Version | null;
  readonly b: Version | null;
}

/** What keeps two tables from being compared. */
export interface Mismatch {
  readonly table: string;
  readonly why: string;
}

const tablesSchema = z.array(
  z.object({
    name: z.string(),
    columns: z.array(z.string()),
    key: z.array(z.string()),
    writable: z.array(z.string()),
    bytes: z.number(),
    rows: z.number(),
  }),
);

/** The program's own tables are each site's business, or move all the time. */
const TABLES = `select coalesce(jsonb_agg(jsonb_build_object(
  'name', format('%I.%I', n.nspname, c.relname),
  'columns', (
    select jsonb_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) order by a.attnum)
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'writable', (
    select jsonb_agg(quote_ident(a.attname) order by a.attnum)
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''),
  'key', (
    select coalesce(jsonb_agg(quote_ident(a.attname) order by a.attnum), '[]')
    from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey::int2[])
    where i.indrelid = c.oid and case c.relreplident when 'i' then i.indisreplident else i.indisprimary end),
  'bytes', pg_table_size(c.oid),
  'rows', greatest(c.reltuples, 0)
) order by n.nspname, c.relname), '[]')
from pglogical.tables t join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
where t.set_name = 'default' and n.nspname not in ('crossborder', 'pglogical')`;

export function readTables(database: Database): Promise<Table[]> {
  return database.json(TABLES, tablesSchema);
}

/** Pairs the tables of two sites by name, and tells those that can't be compared, with the reason. */
export function pairTables(
  a: readonly Table[],
  b: readonly Table[],
  sites: readonly [string, string],
): { tables: Table[]; mismatches: Mismatch[] } {
  const other = new Map(b.map((table) => [table.name, table]));
  const mismatches: Mismatch[] = b
    .filter(({ name }) => !a.some((table) => table.name === name))
    .map(({ name }) => ({ table: name, why: `it is replicated by ${sites[1]} only` }));
  const tables = a.flatMap((table): Table[] => {
    const twin = other.get(table.name);
    const why = !twin
      ? `it is replicated by ${sites[0]} only`
      : table.columns.join() !== twin.columns.join()
        ? `its columns are not the same: ${sites[0]} has ${table.columns.join(", ")}; ${sites[1]} has ${twin.columns.join(", ")}`
        : table.key.length === 0 || table.key.join() !== twin.key.join()
          ? "its key is not the same on both sides"
          : undefined;
    if (why !== undefined || !twin) {
      mismatches.push({ table: table.name, why: why ?? "" });
      return [];
    }
    return [{ ...table, bytes: Math.max(table.bytes, twin.bytes), rows: Math.max(table.rows, twin.rows) }];
  });
  return { tables, mismatches };
}

/** A digest of rows whose order does not matter, and their number. Equal on both sides of the same PostgreSQL version. */
const DIGEST = "count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text";

const digestSchema = z.tuple([z.number(), z.string()]);
const bucketsSchema = z.record(z.string(), digestSchema);

/** Comparing reads whole tables; how long that may take, ms. */
const READ_TIMEOUT_MS = 600_000;

/** Rows by table, and a digest of them. */
export function readDigests(
  database: Database,
  tables: readonly Table[],
): Promise<Record<string, z.infer<typeof digestSchema>>> {
  if (tables.length === 0) return Promise.resolve({});
  const parts = tables.map(
    ({ name }) => `select ${literal(name)} as name, jsonb_build_array(${DIGEST}) as digest from ${name} t`,
  );
  const sql = `select jsonb_object_agg(name, digest) from (${parts.join("\nunion all\n")}) d`;
  return database.json(sql, bucketsSchema, READ_TIMEOUT_MS);
}

function keyText(table: Table): string {
  return `row(${table.key.map((column) => `t.${column}`).join(", ")})::text`;
}

function bucketOf(table: Table, buckets: number): string {
  return `((hashtextextended(${keyText(table)}, 1) & 9223372036854775807) % ${buckets})`;
}

function readBuckets(
  database: Database,
  table: Table,
  buckets: number,
): Promise<z.infer<typeof bucketsSchema>> {
  const sql = `select coalesce(jsonb_object_agg(bucket, digest), '{}') from (
    select ${bucketOf(table, buckets)} as bucket, jsonb_build_array(${DIGEST}) as digest from ${table.name} t group by 1) d`;
  return database.json(sql, bucketsSchema, READ_TIMEOUT_MS);
}

const versionsSchema = z.array(
  z.tuple([z.string(), z.string(), z.number().nullable(), z.boolean().nullable()]),
);

async function readVersions(
  database: Database,
  table: Table,
  buckets: number,
  wanted: readonly string[],
): Promise<Map<string, Version>> {
  const sql = `select coalesce(jsonb_agg(jsonb_build_array(
      ${keyText(table)}, t::text, (extract(epoch from c.at) * 1000000)::bigint, c.origin = 0)), '[]')
    from ${table.name} t left join lateral pg_xact_commit_timestamp_origin(t.xmin) as c(at, origin) on true
    where ${bucketOf(table, buckets)} in (${wanted.join(", ")})`;
  const rows = await database.json(sql, versionsSchema, READ_TIMEOUT_MS);
  return new Map(
    rows.map(([key, row, committedAt, here]) => [
      key,
      { row, committedAt, written: here === null ? null : here ? "here" : "elsewhere" },
    ]),
  );
}

/** Rows in a bucket: enough to find a few rows without reading all, few enough for the digests to stay small. */
const BUCKET_ROWS = 100;
const BUCKETS_MAX = 4096;
/** Buckets whose rows are fetched at once. */
const FETCH_BUCKETS = 64;

/** The rows of a table that are not the same on both sides, by key. Reads both sides at nearly one time, without a lock. */
export async function compareTable(a: Database, b: Database, table: Table): Promise<Difference[]> {
  const buckets = Math.min(BUCKETS_MAX, Math.max(1, Math.ceil(table.rows / BUCKET_ROWS)));
  const [left, right] = await Promise.all([readBuckets(a, table, buckets), readBuckets(b, table, buckets)]);
  const differing = [...new Set([...Object.keys(left), ...Object.keys(right)])].filter(
    (bucket) => left[bucket]?.join() !== right[bucket]?.join(),
  );
  const differences: Difference[] = [];
  for (let start = 0; start < differing.length; start += FETCH_BUCKETS) {
    const wanted = differing.slice(start, start + FETCH_BUCKETS);
    const [ours, theirs] = await Promise.all([
      readVersions(a, table, buckets, wanted),
      readVersions(b, table, buckets, wanted),
    ]);
    for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
      const [one, other] = [ours.get(key) ?? null, theirs.get(key) ?? null];
      if (one?.row !== other?.row) differences.push({ table, key, a: one, b: other });
    }
  }
  return differences;
}

/** Differences that both of two looks found, unchanged: not rows on their way. */
export function settled(before: readonly Difference[], after: readonly Difference[]): Difference[] {
  const identity = ({ table, key, a, b }: Difference): string =>
    JSON.stringify([table.name, key, a?.row ?? null, b?.row ?? null]);
  const known = new Set(before.map(identity));
  return after.filter((difference) => known.has(identity(difference)));
}
