import { setTimeout as sleep } from "node:timers/promises";
import type { Evidence } from "./checker/evidence";
import { differingKeys } from "./checker/promises";
import type { PathSample } from "./checker/paths";
import type { Deployment } from "./deployment";
import { missing } from "./deployment";
import type { Attempt } from "./history";
import { type Injector, runSteps, undoAll, type WaitUntil } from "./injector";
import type { Journal } from "./journal";
import { type Drill, type Role, usualTimeoutMs } from "./model";
import { observe } from "./observe";
import { type DrillResult, judge } from "./report";

/** The clients and the looks at the gateways' paths, while they run. */
export interface Watch {
  readonly clients: readonly string[];
  /** How many requests each client has had answered so far. */
  answered(): Promise<Readonly<Record<string, number>>>;
  /** Ends the clients. @returns what they and the gateways saw. */
  finish(): Promise<{ readonly attempts: readonly Attempt[]; readonly paths: readonly PathSample[] }>;
}

/** Where drills are run: a stack with hosts for its clients. */
export interface Stand extends Injector {
  readonly journal: Journal;
  readonly deployed: Deployment;
  siteOf(role: Role): string;
  /** Waits until no earlier fault has an effect on what the drill will see. @throws Error that says what isn't calm, in time */
  calm(signal: AbortSignal): Promise<void>;
  /** Starts the clients on the sites' client hosts. */
  watch(clientTimeoutMs: number): Promise<Watch>;
  /** Waits until the link is well again and what requests are for runs. @throws Error that says what isn't, in time */
  settle(signal: AbortSignal): Promise<void>;
  /** What both sides hold once replication has caught up; undefined without a database. */
  data(since: number, signal: AbortSignal): Promise<Pick<Evidence, "rows" | "conflicts"> | undefined>;
  /** Makes rows equal that were removed on one side and put back on the other. */
  repair(): Promise<void>;
  close(): void;
}

/** Before the first fault: what is usual for a client has to be known. */
const calmSeconds = 5;
const answersWanted = 10;
const clientsReadyMs = 60_000;
/** A site that was off has to start its daemons and to catch up. Who isn't served after this has failed the drill. */
const servedAgainMs = 240_000;
/** After everything is well again: what follows a heal belongs to the drill. */
const afterSeconds = 15;

/** Time, as a drill needs it. */
export interface Clock {
  /** ms since any moment. */
  now(): number;
  /** @throws the signal's reason */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(Math.max(0, ms), undefined, { signal }),
};

/** Counts seconds from the first call on. */
function stopwatch(clock: Clock): WaitUntil {
  let started: number | undefined;
  return (seconds, signal) => {
    started ??= clock.now();
    return clock.sleep(started + seconds * 1000 - clock.now(), signal);
  };
}

/** Waits until every client has been answered so many times from now on. @returns those that were not, in time. */
async function unserved(
  watch: Watch,
  deadlineMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string[]> {
  const end = clock.now() + deadlineMs;
  const before = await watch.answered();
  for (;;) {
    await clock.sleep(1_000, signal);
    const now = await watch.answered();
    const waiting = watch.clients.filter(
      (client) => (now[client] ?? 0) - (before[client] ?? 0) < answersWanted,
    );
    if (waiting.length === 0 || clock.now() > end) return waiting;
  }
}

/** What became of the last request of a client that was not answered often enough. */
function lastWord(client: string, attempts: readonly Attempt[]): string {
  const own = attempts.filter((attempt) => attempt.client === client);
  const answers = own.filter(({ outcome }) => outcome === "ok").length;
  const error = own.filter((attempt) => attempt.error !== undefined).at(-1)?.error;
  if (own.length === 0) return `${client} (no request of it ended)`;
  return `${client} (${answers} of ${own.length} requests answered${error === undefined ? "" : `, last error: ${error}`})`;
}

/**
 * Runs a drill on a stand that is well: clients, faults, heals, and the judgement. Faults are undone in any case, also when
 * it fails or is interrupted.
 * @throws Error when it could not be carried out, which is no judgement about the stack.
 */
export async function runDrill(
  drill: Drill,
  stand: Stand,
  signal: AbortSignal,
  say: (line: string) => void,
  clock: Clock = realClock,
): Promise<DrillResult> {
  const lacks = missing(drill.needs, stand.deployed);
  if (lacks.length > 0) throw new Error(`the drill ${drill.name} can't run:\n${lacks.join("\n")}`);
  const started = Date.now();
  await stand.calm(signal);
  const watch = await stand.watch(drill.clientTimeoutMs ?? usualTimeoutMs);
  let finished: Awaited<ReturnType<Watch["finish"]>> | undefined;
  try {
    const waiting = await unserved(watch, clientsReadyMs, clock, signal);
    if (waiting.length > 0) {
      // Whoever can't even tell what they saw have their names told all the same.
      finished = await watch.finish().catch(() => undefined);
      const words = waiting.map((client) => (finished ? lastWord(client, finished.attempts) : client));
      throw new Error(`before any fault, too few answers: ${words.join("; ")}`);
    }
    await clock.sleep(calmSeconds * 1000, signal);
    const context = { drill: drill.name, injector: stand, journal: stand.journal, signal, say };
    const moments = await runSteps(drill.steps, { ...context, waitUntil: stopwatch(clock) });
    say("settle");
    await stand.settle(signal);
    await unserved(watch, servedAgainMs, clock, signal);
    await clock.sleep(afterSeconds * 1000, signal);
    finished = await watch.finish();
    const data = await stand.data(started, signal);
    let unrepaired: string[] = [];
    if (data && differingKeys(data).length > 0) {
      say("repair");
      await stand.repair();
      unrepaired = differingKeys((await stand.data(started, signal)) ?? data);
    }
    const clients = watch.clients;
    return judge(
      drill,
      observe(drill, {
        ...finished,
        moments,
        data,
        unrepaired,
        clients,
        siteOf: (role) => stand.siteOf(role),
      }),
    );
  } finally {
    try {
      await undoAll(stand.journal, stand, say);
    } finally {
      // Also where something could not be undone.
      if (!finished) await watch.finish().catch(() => undefined);
    }
  }
}
