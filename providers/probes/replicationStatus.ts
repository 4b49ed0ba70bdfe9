import type { ReplicationFacts } from "../postgres/facts";
import { realWorld, type World } from "./measure";
import { closeDatabaseSessions, measureReplication, openDatabaseSessions } from "./replicationMeasure";
import { judgeReplication, type ReplicationReport } from "./replicationVerdict";

/** What `status --json` says of the databases, with a lag for each way by the sites' names: `la_to_sg`, `sg_to_la`. */
export interface ReplicationStatus {
  readonly state: ReplicationReport["state"];
  readonly conflicts: number | null;
  readonly diagnosis: ReplicationReport["diagnosis"];
  readonly lag: Readonly<Record<string, { readonly lagMs: number | null }>>;
}

/** Enough for a median in a few seconds; the deployment gate compares the rows besides. */
const QUICK = { beats: 3, rows: false };

/** Lag each way, by the names of the sites. */
export function lagByWay(
  facts: { readonly primary: { readonly site: string }; readonly secondary: { readonly site: string } },
  { primary, secondary }: ReplicationReport["lagMs"],
): ReplicationStatus["lag"] {
  const [a, b] = [facts.primary.site, facts.secondary.site];
  return { [`${a}_to_${b}`]: { lagMs: primary }, [`${b}_to_${a}`]: { lagMs: secondary } };
}

/** Measures replication as it is now. Never fails for bad replication: the report says what is wrong. */
export async function replicationStatus(
  facts: ReplicationFacts,
  world: World = realWorld,
): Promise<ReplicationStatus> {
  const sessions = await openDatabaseSessions(facts, world);
  try {
    const report = judgeReplication(facts, await measureReplication(facts, sessions, QUICK, world));
    const { state, conflicts, diagnosis, lagMs } = report;
    return { state, conflicts, diagnosis, lag: lagByWay(facts, lagMs) };
  } finally {
    closeDatabaseSessions(sessions);
  }
}

/** The status as a table for people, without colour, ending without a newline. */
export function renderReplicationStatus(status: ReplicationStatus): string {
  const ways = Object.entries(status.lag).map(([way, { lagMs }]): [string, string] => [
    way.replaceAll("_", " "),
    lagMs === null ? "nothing arrived" : `${lagMs} ms`,
  ]);
  const rows: [string, string][] = [
    ["postgres", `replication is ${status.state}`],
    ...ways,
    ["conflicts", status.conflicts === null ? "unknown" : `${status.conflicts} writes lost against another`],
  ];
  const table = rows.map(([label, value]) => `  ${label.padEnd(12)}${value}`);
  const faults = status.diagnosis.flatMap(({ layer, seen, try: advice }, index) => [
    `  ${(index === 0 ? "at fault" : "also").padEnd(12)}${layer}: ${seen}`,
    `  ${"".padEnd(12)}try: ${advice}`,
  ]);
  return [...table, ...faults].join("\n");
}
