import { z } from "zod";
import { type DatabaseEnd, subscriptionFrom } from "../providers/postgres/facts";
import { type Database, literal } from "../providers/postgres/psql";
import { beats } from "../providers/probes/replicationState";
import type { Knowledge } from "./plan";

/** One side of a resynchronisation: its place and its database, as PostgreSQL's own user. */
export interface Side {
  readonly end: DatabaseEnd;
  readonly database: Database;
}

const slotSchema = z.object({ usable: z.boolean(), active: z.boolean() }).nullable();

/** How rows get from one side to the other. */
export interface Direction {
  readonly from: Side;
  readonly to: Side;
  /** pglogical's word for the subscription. */
  readonly status: string;
  /** Name of the slot, which is the name of the subscription's replication origin too. */
  readonly slot: string;
  /** Whether the slot is there and its WAL too. */
  readonly slotUsable: boolean;
}

const subscriptionSchema = z.object({ status: z.string(), slot: z.string() }).nullable();

function lookForSubscription(side: Side, provider: string): Promise<z.infer<typeof subscriptionSchema>> {
  const sql = `select coalesce((select jsonb_build_object('status', status, 'slot', slot_name)
    from pglogical.show_subscription_status() where subscription_name = ${literal(subscriptionFrom(provider))}), 'null')`;
  return side.database.json(sql, subscriptionSchema);
}

function lookForSlot(side: Side, slot: string): Promise<{ usable: boolean; active: boolean } | null> {
  const sql = `select coalesce((select jsonb_build_object(
    'usable', wal_status is distinct from 'lost' and restart_lsn is not null, 'active', active)
    from pg_replication_slots where slot_name = ${literal(slot)}), 'null')`;
  return side.database.json(sql, slotSchema);
}

/** @throws Error when the subscription is gone: only the deployment knows how to make it. */
export async function direction(from: Side, to: Side): Promise<Direction> {
  const subscription = await lookForSubscription(to, from.end.site);
  if (!subscription) {
    const provider = from.end.site;
    throw new Error(
      `${to.end.host} has no subscription to ${provider}; \`pulumi up\` makes it, then run this again`,
    );
  }
  const { status, slot } = subscription;
  return { from, to, status, slot, slotUsable: (await lookForSlot(from, slot))?.usable ?? false };
}

/** Whether a side is refused its writes while it is made equal to the other. Reading goes on. */
export async function setWritable(side: Side, writable: boolean): Promise<void> {
  await side.database.run(`select crossborder.set_writable(${writable}, 'resync')`);
}

/** Whether a side refuses its writes already: it was restored from a backup, or a run before was interrupted. */
export function refusesWrites(side: Side): Promise<boolean> {
  const sql = "select to_jsonb(exists (select from crossborder.closed where reason = 'resync'))";
  return side.database.json(sql, z.boolean());
}

export async function disableSubscription(side: Side, provider: string): Promise<void> {
  await side.database.run(
    `select pglogical.alter_subscription_disable(${literal(subscriptionFrom(provider))}, true)`,
  );
}

export async function enableSubscription(side: Side, provider: string): Promise<void> {
  await side.database.run(
    `select pglogical.alter_subscription_enable(${literal(subscriptionFrom(provider))}, true)`,
  );
}

/** Waits until a disabled subscription's worker is gone: until then it holds the origin and the slot. */
export async function awaitIdle({ from, to, slot }: Direction, sleep: Sleep): Promise<void> {
  const worker = `select to_jsonb(exists (select from pg_stat_activity a join pglogical.subscription s
    on a.backend_type like 'pglogical apply %:' || s.sub_id where s.sub_name = ${literal(subscriptionFrom(from.end.site))}))`;
  for (let waited = 0; waited < 60_000; waited += 250) {
    const working = await to.database.json(worker, z.boolean());
    if (!working && !(await lookForSlot(from, slot))?.active) return;
    await sleep(250);
  }
  throw new Error(`${to.end.host}: the worker that reads ${slot} does not stop`);
}

/**
 * Makes the slot of a direction anew, from now on, and forgets how far the subscriber had come: another server, or an older
 * copy of this one, counts its WAL otherwise. The subscription has to be disabled.
 */
export async function renewSlot({ from, to, slot }: Direction): Promise<void> {
  const name = literal(slot);
  await from.database
    .run(`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${name};
    select pg_create_logical_replication_slot(${name}, 'pglogical_output');`);
  await to.database
    .run(`select pg_replication_origin_drop(roname) from pg_replication_origin where roname = ${name};
    select pg_replication_origin_create(${name});`);
}

export type Sleep = (ms: number) => Promise<void>;

const beatSchema = z.number().nullable();

function beatOf(side: Side, site: string): Promise<number | null> {
  const sql = `select coalesce(to_jsonb((select beat from crossborder.heartbeat where site = ${literal(site)})), 'null')`;
  return side.database.json(sql, beatSchema);
}

/** Waits until one side has seen all that the other committed before now. False when it does not within the time. */
export async function drained(from: Side, to: Side, forMs: number, sleep: Sleep): Promise<boolean> {
  await from.database.run(beats(1, 0));
  const target = (await beatOf(from, from.end.site)) ?? 0;
  for (let waited = 0; waited <= forMs; waited += 500) {
    if (((await beatOf(to, from.end.site)) ?? -1) >= target) return true;
    await sleep(500);
  }
  return false;
}

/** Up to when each side has seen the other, by the beats that arrived. */
export async function knowledge(source: Side, target: Side): Promise<Knowledge> {
  const until = (side: Side, site: string): Promise<number | null> =>
    side.database.json(
      `select coalesce(to_jsonb((select (extract(epoch from beat_at) * 1000000)::bigint
        from crossborder.heartbeat where site = ${literal(site)})), 'null')`,
      beatSchema,
    );
  const [sourceKnowsTargetUntil, targetKnowsSourceUntil] = await Promise.all([
    until(source, target.end.site),
    until(target, source.end.site),
  ]);
  return { sourceKnowsTargetUntil, targetKnowsSourceUntil };
}

/** A side's clock, µs since 1970. */
export function clock(side: Side): Promise<number> {
  return side.database.json(
    "select to_jsonb((extract(epoch from clock_timestamp()) * 1000000)::bigint)",
    z.number(),
  );
}

/**
 * Brings sequences of a side above the numbers that its rows have: a side that was restored had given more of them. Each goes
 * on by its own steps, so that it keeps giving this site's numbers.
 */
export async function catchUpSequences(side: Side): Promise<void> {
  await side.database.run(`do $do$
declare
  it record;
  highest bigint;
  given bigint;
begin
  for it in
    select d.objid::regclass as sequence, d.refobjid::regclass as relation, a.attname, q.seqincrement as step
    from pg_depend d join pg_sequence q on q.seqrelid = d.objid
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i') and q.seqincrement > 0
      and a.atttypid in ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
  loop
    execute format('select max(%I) from %s', it.attname, it.relation) into highest;
    execute format('select last_value - case when is_called then 0 else %s end from %s', it.step, it.sequence) into given;
    if highest > given then
      perform setval(it.sequence, given + ceil((highest - given)::numeric / it.step)::bigint * it.step);
    end if;
  end loop;
end
$do$;`);
}

/** Tells the other side again what it may have missed: whether this one takes writes. */
export async function announce(side: Side): Promise<void> {
  await side.database.run("select crossborder.announce()");
}
