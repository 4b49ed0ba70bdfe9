import type { Journal } from "./journal";
import { describe, type Event, healUndoes, type Injection, type Step, timeline } from "./model";

/** Who can make faults happen on a stack. Times are ms since 1970 by the clock that the clients' histories have. */
export interface Injector {
  inject(what: Injection): Promise<number>;
  /** Ends it as its operator would: power is switched on again, an empty host is brought back. */
  heal(what: Injection): Promise<number>;
  /** Leaves nothing of it, whatever state it is in, also when it never happened. */
  undo(what: Injection): Promise<void>;
}

/** Something that a drill did, and when, in ms since 1970 by the clients' clock. */
export interface Moment extends Event {
  readonly at: number;
}

/** Waits until so many seconds after the beginning of the faults. @throws the signal's reason */
export type WaitUntil = (seconds: number, signal: AbortSignal) => Promise<void>;

/**
 * Does what the steps say, each injection written down before it happens.
 * @returns what was done. When it fails or is interrupted, what is in force stays: `undoAll` is for the caller, in any case.
 */
export async function runSteps(
  steps: readonly Step[],
  context: {
    readonly drill: string;
    readonly injector: Injector;
    readonly journal: Journal;
    readonly waitUntil: WaitUntil;
    readonly signal: AbortSignal;
    readonly say: (line: string) => void;
  },
): Promise<Moment[]> {
  const { drill, injector, journal, waitUntil, signal, say } = context;
  const moments: Moment[] = [];
  for (const event of timeline(steps)) {
    await waitUntil(event.atSeconds, signal);
    signal.throwIfAborted();
    say(`${event.what}: ${describe(event.inject)}`);
    if (event.what === "inject") journal.add(drill, event.inject);
    moments.push({ ...event, at: await injector[event.what](event.inject) });
    if (event.what === "heal" && healUndoes(event.inject)) journal.remove(event.inject);
  }
  return moments;
}

/**
 * Undoes all that the journal says may be in force, newest first. One that can't be undone doesn't keep the others, and stays in
 * the journal.
 * @throws Error that names those.
 */
export async function undoAll(
  journal: Journal,
  injector: Injector,
  say: (line: string) => void,
): Promise<void> {
  const failures: string[] = [];
  for (const inject of [...journal.inForce()].reverse()) {
    say(`undo: ${describe(inject)}`);
    try {
      await injector.undo(inject);
      journal.remove(inject);
    } catch (error) {
      failures.push(`${describe(inject)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (failures.length > 0)
    throw new Error(`still in force, and undone by the next drill:\n${failures.join("\n")}`);
}
