import { z } from "zod";
import { stateFile } from "../../components/postgres/monitor/unit";
import type { DatabaseEnd } from "../postgres/facts";
import { type Database, DatabaseError, literal } from "../postgres/psql";
import { type Session, SshError } from "../ssh/session";

const databaseStateSchema = z.object({
  /** Logical slots of the database. */
  slots: z.array(
    z.object({
      name: z.string(),
      active: z.boolean(),
      /** `reserved`, `extended`, `unreserved` or `lost`. */
      walStatus: z.string().nullable(),
      /** WAL that it keeps, bytes; null when it was invalidated. */
      retainedBytes: z.number().nullable(),
    }),
  ),
  /** Most WAL that is kept for a slot, bytes; null when it is not bounded. */
  walLimitBytes: z.number().nullable(),
  /** pglogical's own word for each subscription: `replicating`, `down`, `disabled`, `initializing`, `unknown`. */
  subscriptions: z.array(z.object({ name: z.string(), status: z.string() })),
  /** Writes of the other site that this one decided against, as recorded: each lost write is counted on one side only. */
  conflicts: z.number(),
  /** What needs a person though rows replicate: tables without a key, drift, refused changes. Kind and subject. */
  problems: z.array(z.string()),
});
export type DatabaseState = z.infer<typeof databaseStateSchema>;

const LOOK = `select jsonb_build_object(
  'slots', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', slot_name, 'active', active, 'walStatus', wal_status,
      'retainedBytes', pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) order by slot_name), '[]')
    from pg_replication_slots where slot_type = 'logical' and database = current_database()),
  'walLimitBytes', (
    select case when setting::bigint < 0 then null else setting::bigint * 1048576 end
    from pg_settings where name = 'max_slot_wal_keep_size'),
  'subscriptions', (
    select coalesce(jsonb_agg(jsonb_build_object('name', subscription_name, 'status', status)), '[]')
    from pglogical.show_subscription_status()),
  'conflicts', (select count(*) from crossborder.conflict where loser = remote_origin),
  'problems', (
    select coalesce(jsonb_agg(concat_ws(' ', kind, subject) order by kind, subject), '[]')
    from crossborder.problems where kind <> 'subscription'))`;

/** The last error of an apply worker, as the reader of the server's log left it. */
export interface ApplyError {
  readonly at: string;
  readonly message: string;
}

/** One site as it was seen, or why it could not be looked at. */
export type SiteView =
  | { readonly end: DatabaseEnd; readonly problem: SshError | DatabaseError }
  | {
      readonly end: DatabaseEnd;
      readonly problem?: undefined;
      readonly state: DatabaseState;
      /** Asked for only when a subscription is not replicating. */
      readonly applyError: ApplyError | null;
    };

const collectorState = z.object({ applyError: z.object({ at: z.string(), message: z.string() }).nullable() });

async function readApplyError(session: Session, end: DatabaseEnd): Promise<ApplyError | null> {
  const sudo = end.connection.user === "root" ? "" : "sudo -n ";
  const { status, stdout } = await session.exec(`${sudo}cat ${stateFile("conflict-log")}`);
  try {
    return status === 0 ? collectorState.parse(JSON.parse(stdout)).applyError : null;
  } catch {
    return null;
  }
}

/** What went wrong between here and a database, in one type. */
export function asProblem(end: DatabaseEnd, error: unknown): SshError | DatabaseError {
  if (error instanceof SshError || error instanceof DatabaseError) return error;
  return new SshError(
    "interrupted",
    `${end.host}: ${error instanceof Error ? error.message : String(error)}`,
  );
}

/** One look at one site. */
export async function lookAt(end: DatabaseEnd, session: Session, database: Database): Promise<SiteView> {
  try {
    const state = await database.json(LOOK, databaseStateSchema, 30_000);
    const idle = state.subscriptions.some(({ status }) => status !== "replicating");
    return { end, state, applyError: idle ? await readApplyError(session, end) : null };
  } catch (error) {
    return { end, problem: asProblem(end, error) };
  }
}

/** Statements that beat for the site `count` times, `everyMs` apart, each in a transaction of its own. */
export function beats(count: number, everyMs: number): string {
  return `do $do$
begin
  for i in 1..${count} loop
    perform crossborder.beat();
    commit;
    perform pg_sleep(${everyMs / 1000});
  end loop;
end
$do$;`;
}

/**
 * Statements that wait on one site for the beats of the other, and give how long each took to be seen, ms, by the clocks
 * of both: fewer than `count` when time runs out. Looks every 2 ms.
 */
export function awaitBeats(from: string, count: number, forMs: number): string {
  return `do $do$
declare
  until timestamptz := clock_timestamp() + interval '${forMs} ms';
  seen jsonb := '[]';
  last bigint := coalesce((select beat from crossborder.heartbeat where site = ${literal(from)}), 0);
  now_at record;
begin
  while jsonb_array_length(seen) < ${count} and clock_timestamp() < until loop
    select beat, extract(epoch from clock_timestamp() - beat_at) * 1000 as ms into now_at
      from crossborder.heartbeat where site = ${literal(from)} and beat > last;
    if found then
      seen := seen || to_jsonb(round(now_at.ms::numeric, 1));
      last := now_at.beat;
    end if;
    perform pg_sleep(0.002);
  end loop;
  perform set_config('crossborder.seen', seen::text, false);
end
$do$;
select current_setting('crossborder.seen');`;
}
