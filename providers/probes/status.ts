import { backupRows, type BackupStatus, readBackup, standsBy } from "./backupPath";
import type { LinkFacts } from "./facts";
import { type HaFacts, haRows, type HaStatus, isPaired, readHa } from "./ha";
import type { ReplicationFacts } from "../postgres/facts";
import { readHistory, type LinkHistory } from "./history";
import { closeSessions, measure, openSessions, realWorld, type BurstOptions, type World } from "./measure";
import { replicationRows, type ReplicationStatus, replicationStatus } from "./replicationStatus";
import type { RttSummary } from "./statistics";
import { judge, type LinkReport } from "./verdict";

/** Everything that was deployed, as it is now. */
export interface LinkStatus {
  readonly link: LinkReport & {
    readonly name: string;
    readonly budgetMs: number;
    readonly lossLimitPercent: number;
    /** The last 24 hours, as the responder's own probe recorded them; null when it has no records. */
    readonly history: LinkHistory | null;
  };
  /** The backup path by site; null while it is off. */
  readonly backup: BackupStatus | null;
  /** The pair; null while there is none. */
  readonly ha: HaStatus | null;
  /** The databases; null while there are none. */
  readonly postgres: ReplicationStatus | null;
}

export interface StatusOptions extends BurstOptions {
  /** Whether there is a backup path to ask for. */
  readonly backup: boolean;
  /** The pair to ask; null when there is none. */
  readonly ha: HaFacts | null;
  /** The databases to look at; null when there are none. */
  readonly postgres: ReplicationFacts | null;
}

/** Enough for a median and a verdict in a second, one lost probe being 1 %; the deployment gate takes more. */
const QUICK: StatusOptions = { probes: 100, intervalMs: 10, backup: false, ha: null, postgres: null };

/** Measures a link as it is now. Never fails for a bad link: the report says what is wrong. */
export async function linkStatus(
  facts: LinkFacts,
  set: Partial<StatusOptions> = {},
  world: World = realWorld,
): Promise<LinkStatus> {
  const options = { ...QUICK, ...set };
  const sessions = await openSessions(facts, world);
  try {
    // The responder has nothing to do while the initiator sends its probes.
    const [measurement, history, backup, ha] = await Promise.all([
      measure(facts, sessions, options),
      sessions.responder instanceof Error ? null : readHistory(sessions.responder, facts.responder),
      options.backup ? readBackup(facts, sessions) : null,
      options.ha ? readHa(facts, sessions, options.ha) : null,
    ]);
    // Rows that are sent would slow the probes down.
    const postgres = options.postgres && (await replicationStatus(options.postgres, world));
    const { name, budgetMs, lossLimitPercent } = facts;
    const link = { name, budgetMs, lossLimitPercent, ...judge(facts, measurement), history };
    return { link, backup, ha, postgres };
  } finally {
    closeSessions(sessions);
  }
}

/**
 * 0 when the link is healthy, and the backup path, the pair and the databases, where there are any, stand by, are in order and
 * replicate within their budget; else 1: the exit status of `status`.
 */
export function exitStatus({ link, backup, ha, postgres }: LinkStatus): 0 | 1 {
  const others =
    (backup === null || standsBy(backup)) &&
    (ha === null || isPaired(ha)) &&
    (postgres === null || postgres.state === "up");
  return link.state === "up" && others ? 0 : 1;
}

function milliseconds(rtt: RttSummary | null): string {
  if (!rtt) return "no answer";
  return `p50 ${rtt.p50}  p95 ${rtt.p95}  p99 ${rtt.p99}  jitter ${rtt.jitter} ms`;
}

function day(history: LinkHistory | null): string {
  if (!history || history.runs === 0) return "no records yet";
  const shares = Object.entries(history.percent).map(([state, percent]) => `${state} ${percent} %`);
  const last = history.changes.at(-1);
  const change = last && `; ${last.to} since ${new Date(last.at * 1000).toISOString()} (${last.reason})`;
  return `${shares.join(", ")} of ${history.runs} runs${change ?? ""}`;
}

/** What was measured of the link; nothing is while one of its ends is out of service. */
function linkRows(link: LinkStatus["link"]): [string, string][] {
  if (link.state === "outOfService") {
    return [
      ["link", `${link.name} is not measured: a site is out of service`],
      ["last 24 h", day(link.history)],
    ];
  }
  return [
    ["link", `${link.name} is ${link.state}`],
    ["round trip", `${milliseconds(link.rttMs)}  (budget ${link.budgetMs} ms)`],
    ["underlay", milliseconds(link.underlayRttMs)],
    [
      "loss",
      `${link.lossPercent} %  (limit ${link.lossLimitPercent} %, underlay ${link.underlayLossPercent} %)`,
    ],
    ["BFD", link.bfd],
    ["BGP", link.bgp],
    ["encrypted", link.encrypted ? "yes: only ESP in UDP left the gateways" : "not proven"],
    ["MTU", link.mtu === null ? "not proven" : `${link.mtu} bytes, proven`],
    ["last 24 h", day(link.history)],
  ];
}

/** The status as a table for people, without colour, ending without a newline. */
export function renderLinkStatus({ link, backup, ha, postgres }: LinkStatus): string {
  const rows: [string, string][] = [
    ...linkRows(link),
    ...(backup ? backupRows(backup) : []),
    ...(ha ? haRows(ha) : []),
    ...(postgres ? replicationRows(postgres) : []),
  ];
  const table = rows.map(([label, value]) => `  ${label.padEnd(11)} ${value}`);
  const faults = link.diagnosis.flatMap(({ layer, seen, try: advice }, index) => [
    `  ${(index === 0 ? "at fault" : "also").padEnd(12)}${layer}: ${seen}`,
    `  ${"".padEnd(12)}try: ${advice}`,
  ]);
  return [...table, ...faults].join("\n");
}
