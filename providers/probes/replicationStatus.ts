import type { ReplicationFacts } from "../postgres/facts";
import { realWorld, type World } from "./measure";
import {
  closeDatabaseSessions,
  measureReplication,
  openDatabaseSessions,
  type ReplicationMeasurement,
  type Side,
} from "./replicationMeasure";
import { judgeReplication, type ReplicationReport } from "./replicationVerdict";

/** Median time from a commit on one site to its being seen on the other, ms, by the sites' names: `la_to_sg`, `sg_to_la`. */
type Ways = Readonly<Record<string, { readonly lagMs: number | null }>>;

/** What is seen of the databases. */
export interface ReplicationStatus {
  readonly state: ReplicationReport["state"];
  readonly conflicts: number | null;
  /** What needs a person though rows replicate, in words that begin with the site. It makes no state worse. */
  readonly problems: readonly string[];
  readonly diagnosis: ReplicationReport["diagnosis"];
  readonly lag: Ways;
}

/** The same as `status --json` has it: each way beside the rest. */
export type PostgresStatus = Omit<ReplicationStatus, "lag"> | Ways;

export function postgresStatus({ lag, ...rest }: ReplicationStatus): PostgresStatus {
  return { ...lag, ...rest };
}

/** Enough for a median in a few seconds; the deployment gate compares the rows besides. */
const QUICK = { beats: 3, rows: false };

/** Lag each way, by the names of the sites. */
export function lagByWay(
  sites: Readonly<Record<Side, string>>,
  { primary, secondary }: ReplicationReport["lagMs"],
): Ways {
  const [a, b] = [sites.primary, sites.secondary];
  return { [`${a}_to_${b}`]: { lagMs: primary }, [`${b}_to_${a}`]: { lagMs: secondary } };
}

function problems({ sites }: ReplicationMeasurement): string[] {
  return Object.values(sites).flatMap((view) =>
    view.problem ? [] : view.state.problems.map((problem) => `${view.end.site}: ${problem}`),
  );
}

/** Problems that the table names before it says how many more there are. */
const NAMED = 5;

function problemRows(found: readonly string[]): [string, string][] {
  const more = found.length > NAMED ? [`and ${found.length - NAMED} more`] : [];
  const lines = [...found.slice(0, NAMED), ...more];
  return lines.map((line, index) => [index === 0 ? "needs you" : "", line]);
}

/** Measures replication as it is now. Never fails for bad replication: the report says what is wrong. */
export async function replicationStatus(
  facts: ReplicationFacts,
  world: World = realWorld,
): Promise<ReplicationStatus> {
  const sessions = await openDatabaseSessions(facts, world);
  try {
    const measurement = await measureReplication(facts, sessions, QUICK, world);
    const report = judgeReplication(facts, measurement);
    const { state, conflicts, diagnosis, lagMs } = report;
    return {
      state,
      conflicts,
      problems: problems(measurement),
      diagnosis,
      lag: lagByWay({ primary: facts.primary.site, secondary: facts.secondary.site }, lagMs),
    };
  } finally {
    closeDatabaseSessions(sessions);
  }
}

/** The status as lines of a table for people: label and value. */
export function replicationRows(status: ReplicationStatus): [string, string][] {
  if (status.state === "outOfService") {
    const ill = status.diagnosis.map(({ layer, seen }): [string, string] => [
      "at fault",
      `${layer}: ${seen}`,
    ]);
    return [["postgres", "doesn't replicate: a site is out of service"], ...ill];
  }
  const ways = Object.entries(status.lag).map(([way, { lagMs }]): [string, string] => [
    way.replaceAll("_", " "),
    lagMs === null ? "nothing arrived" : `${lagMs} ms`,
  ]);
  const faults = status.diagnosis.flatMap(({ layer, seen, try: advice }, index): [string, string][] => [
    [index === 0 ? "at fault" : "also", `${layer}: ${seen}`],
    ["", `try: ${advice}`],
  ]);
  return [
    ["postgres", `replication is ${status.state}`],
    ...ways,
    ["conflicts", status.conflicts === null ? "unknown" : `${status.conflicts} writes lost against another`],
    ...problemRows(status.problems),
    ...faults,
  ];
}
