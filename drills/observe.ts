import type { Evidence } from "./checker/evidence";
import { group } from "./checker/fates";
import { type Experience, experiences, firstSuccessAfter } from "./checker/outage";
import {
  backOnTunnelAfter,
  pathChangesPerMinute,
  type PathSample,
  type StateChange,
  stateChanges,
} from "./checker/paths";
import { checkPromises, type Promises } from "./checker/promises";
import type { Attempt } from "./history";
import type { Moment } from "./injector";
import type { Drill, Role } from "./model";

/** All that was collected of a drill. */
export interface Collected {
  readonly attempts: readonly Attempt[];
  readonly moments: readonly Moment[];
  /** Empty without a backup path. */
  readonly paths: readonly PathSample[];
  /** Absent without a database. */
  readonly data?: Pick<Evidence, "rows" | "conflicts">;
  /** Keys of the rows that differ still after their repair. */
  readonly unrepaired: readonly string[];
  /** The clients that were to run. */
  readonly clients: readonly string[];
  readonly siteOf: (role: Role) => string;
}

/** What was seen of a drill. Absent figures mean that it never happened, or that nobody could look. */
export interface Observed {
  readonly experiences: Readonly<Record<string, Experience>>;
  /** Clients without an answer in the last seconds. */
  readonly unserved: readonly string[];
  /** Absent without a database. */
  readonly promises?: Promises;
  readonly unrepaired: readonly string[];
  /** Requests that failed twice; see `Bounds`. */
  readonly failed: number;
  readonly failedAtOwnSite: number;
  readonly failedAfterHeal: number;
  readonly crossSiteMs?: number;
  readonly takeoverMs?: number;
  /** Absent too where no database answers at the service address. */
  readonly databaseTakeoverMs?: number;
  readonly healMs?: number;
  readonly pathChangesPerMinute?: number;
  /** Empty without a backup path. */
  readonly states: readonly StateChange[];
}

/** A client that is served has an answer within this, in ms, also when its first attempt times out. */
const servedMs = 12_000;

function failedTwice(attempts: readonly Attempt[], from: number): number {
  const requests = [...group(attempts, ({ id }) => id).values()];
  return requests.filter(
    (both) => both.length === 2 && both.every(({ outcome }) => outcome !== "ok") && both[0]!.at >= from,
  ).length;
}

/** The worst of several clients; undefined when one of them never succeeded, or there are none. */
function slowest(
  attempts: readonly Attempt[],
  clients: readonly string[],
  moment: number,
): number | undefined {
  const times = clients.map((client) =>
    firstSuccessAfter(
      attempts.filter((one) => one.client === client),
      moment,
    ),
  );
  return times.length === 0 || times.includes(undefined)
    ? undefined
    : Math.max(...times.map((time) => time!));
}

/** When a disk was destroyed, if one was. */
function destruction(collected: Collected): Evidence["destroyed"] {
  for (const { what, inject, at } of collected.moments) {
    if (what === "inject" && inject.kind === "destroy-disk")
      return { site: collected.siteOf(inject.host), at };
  }
  return undefined;
}

/** Makes figures of what was collected. @throws Error when no fault was injected. */
export function observe(drill: Drill, collected: Collected): Observed {
  const { attempts, moments, paths, clients, siteOf } = collected;
  const faultAt = moments.find(({ what }) => what === "inject")?.at;
  if (faultAt === undefined) throw new Error(`the drill ${drill.name} injected nothing`);
  const healedAt = Math.max(...moments.filter(({ what }) => what === "heal").map(({ at }) => at));
  const end = Math.max(...attempts.map(({ ended }) => ended));
  const lost = drill.lostSite && siteOf(drill.lostSite);
  // A client that uses the link alone has no other path, and nothing is promised to it.
  const promised = clients.filter((client) => !client.endsWith("-link"));
  const services = promised.filter((client) => /^[^-]+-service$/.test(client));
  // Who asks the other site for something can't have it when that one is lost.
  const judged = promised.filter(
    (client) => !lost || !(client.startsWith(`${lost}-`) || services.includes(client)),
  );
  const of = (wanted: readonly string[]): Attempt[] =>
    attempts.filter(({ client }) => wanted.includes(client));
  const survivor = siteOf(drill.lostSite === "secondary" ? "primary" : "secondary");
  const atAddress = clients.filter((client) => client.startsWith(`${survivor}-vip-`));
  // Who opens a connection for each request sees the address itself; a database's client sees its own dead connection first.
  const asking = atAddress.filter((client) => client.endsWith("-service"));
  const connected = atAddress.filter((client) => !asking.includes(client));
  const seen = experiences(attempts, { from: faultAt, to: end });
  const served = new Set(
    attempts
      .filter(({ outcome, ended }) => outcome === "ok" && ended > end - servedMs)
      .map(({ client }) => client),
  );
  const destroyed = destruction(collected);
  return {
    experiences: Object.fromEntries(
      clients.map((client) => [client, seen[client] ?? { requests: 0, failed: 0, outageMs: end - faultAt }]),
    ),
    unserved: clients.filter((client) => !served.has(client)),
    ...(collected.data && { promises: checkPromises({ attempts, ...collected.data, destroyed }) }),
    unrepaired: collected.unrepaired,
    failed: failedTwice(of(judged), faultAt),
    failedAtOwnSite: failedTwice(of(judged.filter((client) => client.includes("-site-"))), faultAt),
    failedAfterHeal: failedTwice(of(promised), healedAt + (drill.graceSeconds ?? 0) * 1000),
    states: stateChanges(paths, faultAt),
    crossSiteMs: slowest(attempts, services, faultAt),
    takeoverMs: slowest(attempts, asking.length > 0 ? asking : connected, faultAt),
    databaseTakeoverMs: slowest(attempts, connected, faultAt),
    ...(paths.length > 0 && {
      healMs: backOnTunnelAfter(paths, healedAt),
      pathChangesPerMinute: pathChangesPerMinute(paths.filter(({ at }) => at >= faultAt)),
    }),
  };
}
