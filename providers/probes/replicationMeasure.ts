import { z } from "zod";
import {
  compareTable,
  type Difference,
  type Mismatch,
  pairTables,
  readDigests,
  readTables,
  settled,
} from "../postgres/compare";
import type { DatabaseEnd, ReplicationFacts } from "../postgres/facts";
import { type Database, openDatabase } from "../postgres/psql";
import type { Session, SshError } from "../ssh/session";
import type { World } from "./measure";
import { notAsked } from "./service";
import { asProblem, awaitBeats, beats, lookAt, type SiteView } from "./replicationState";

export const SIDES = ["primary", "secondary"] as const;
export type Side = (typeof SIDES)[number];

/** One session for each site, or the reason why there is none. */
export type DatabaseSessions = Readonly<Record<Side, Session | SshError>>;

/** What a comparison of all tables found. */
export interface Rows {
  /** Tables that were compared. */
  readonly compared: number;
  /** Tables that can't be compared, with the reason. */
  readonly mismatches: readonly Mismatch[];
  /** Rows that stayed different. */
  readonly differences: readonly Difference[];
  /** Names of tables that are larger than what is compared. */
  readonly unchecked: readonly string[];
}

/** Everything that a verdict on replication is taken from. */
export interface ReplicationMeasurement {
  readonly sites: Readonly<Record<Side, SiteView>>;
  /** Times of beats from this side to the other, ms; absent when they could not be taken. */
  readonly beats?: Readonly<Record<Side, readonly number[]>>;
  /** Absent when rows could not be compared. */
  readonly rows?: Rows;
}

export async function openDatabaseSessions(facts: ReplicationFacts, world: World): Promise<DatabaseSessions> {
  const open = async (end: DatabaseEnd): Promise<Session | SshError> => {
    if (end.outOfService) return notAsked(end);
    try {
      return await world.connect(end.connection);
    } catch (error) {
      return asProblem(end, error) as SshError;
    }
  };
  const [primary, secondary] = await Promise.all([open(facts.primary), open(facts.secondary)]);
  return { primary, secondary };
}

export function closeDatabaseSessions(sessions: DatabaseSessions): void {
  for (const session of Object.values(sessions)) if (!(session instanceof Error)) session.close();
}

function monitorOf(facts: ReplicationFacts, side: Side, session: Session): Database {
  return openDatabase(session, facts[side], facts, "monitor");
}

/** One look at both sites. */
export async function lookAtSites(
  facts: ReplicationFacts,
  sessions: DatabaseSessions,
): Promise<Readonly<Record<Side, SiteView>>> {
  const look = async (side: Side): Promise<SiteView> => {
    const session = sessions[side];
    if (session instanceof Error) return { end: facts[side], problem: session };
    return lookAt(facts[side], session, monitorOf(facts, side, session));
  };
  const [primary, secondary] = await Promise.all([look("primary"), look("secondary")]);
  return { primary, secondary };
}

/** The beats of a measurement: enough that a receiver which starts late still sees what it needs. */
const BEATS_SENT = 24;
const BEAT_EVERY_MS = 150;
/** The receiver waits longer than the sender beats: a slow path shows as few beats, late ones. */
const LINGER_MS = 10_000;

async function takeBeats(
  facts: ReplicationFacts,
  databases: Readonly<Record<Side, Database>>,
  count: number,
): Promise<Record<Side, readonly number[]>> {
  const forMs = BEATS_SENT * BEAT_EVERY_MS + LINGER_MS;
  const arrivals = z.array(z.number());
  const receive = (from: Side, at: Side): Promise<number[]> =>
    databases[at].json(awaitBeats(facts[from].site, count, forMs), arrivals, forMs + 10_000);
  const send = (from: Side): Promise<string> => databases[from].run(beats(BEATS_SENT, BEAT_EVERY_MS), forMs);
  const [primary, secondary] = await Promise.all([
    receive("primary", "secondary"),
    receive("secondary", "primary"),
    send("primary"),
    send("secondary"),
  ]);
  return { primary, secondary };
}

/** Between two looks at rows that differ: a row on its way has arrived by then, ms. */
const SETTLE_MS = 2_000;

/**
 * Compares all tables of both sites while they are used. Digests first; tables that differ are looked at twice, row by row,
 * and what both looks found unchanged is different indeed, and not on its way.
 */
export async function compareRows(
  a: Database,
  b: Database,
  sites: readonly [string, string],
  limitBytes: number,
  sleep: World["sleep"],
): Promise<Rows> {
  const [left, right] = await Promise.all([readTables(a), readTables(b)]);
  const { tables, mismatches } = pairTables(left, right, sites);
  const small = tables.filter(({ bytes }) => bytes <= limitBytes);
  const [ours, theirs] = await Promise.all([readDigests(a, small), readDigests(b, small)]);
  const differing = small.filter(({ name }) => ours[name]?.join() !== theirs[name]?.join());
  const look = async (): Promise<Difference[]> => {
    const found: Difference[] = [];
    for (const table of differing) found.push(...(await compareTable(a, b, table)));
    return found;
  };
  let differences: Difference[] = [];
  if (differing.length > 0) {
    const first = await look();
    if (first.length > 0) await sleep(SETTLE_MS);
    differences = first.length > 0 ? settled(first, await look()) : [];
  }
  const unchecked = tables.filter(({ bytes }) => bytes > limitBytes).map(({ name }) => name);
  return { compared: small.length, mismatches, differences, unchecked };
}

export interface ReplicationOptions {
  /** Beats each way whose median is the lag, 1 to 20. */
  readonly beats: number;
  /** Whether rows are compared. */
  readonly rows: boolean;
}

/** Measures replication: a look at both sites, beats both ways, and the rows of both. */
export async function measureReplication(
  facts: ReplicationFacts,
  sessions: DatabaseSessions,
  options: ReplicationOptions,
  world: World,
): Promise<ReplicationMeasurement> {
  const sites = await lookAtSites(facts, sessions);
  const { primary, secondary } = sessions;
  if (
    primary instanceof Error ||
    secondary instanceof Error ||
    sites.primary.problem ||
    sites.secondary.problem
  ) {
    return { sites };
  }
  const databases = {
    primary: monitorOf(facts, "primary", primary),
    secondary: monitorOf(facts, "secondary", secondary),
  };
  try {
    const taken = await takeBeats(facts, databases, options.beats);
    const names = [facts.primary.site, facts.secondary.site] as const;
    const rows = options.rows
      ? await compareRows(databases.primary, databases.secondary, names, facts.compareLimitBytes, (ms) =>
          world.sleep(ms),
        )
      : undefined;
    return { sites, beats: taken, rows };
  } catch (error) {
    // Which of the two broke is not known from here; a new look tells.
    const again = await lookAtSites(facts, sessions);
    if (again.primary.problem || again.secondary.problem) return { sites: again };
    throw error;
  }
}
