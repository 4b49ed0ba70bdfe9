import { existsSync, readFileSync, rmSync } from "node:fs";
import { z } from "zod";
import { writeAtomically } from "../lab/state";
import type { Fault } from "./faults";
import type { Injection } from "./model";

const role = z.enum(["primary", "secondary"]);
const fault = z.object({ name: z.string(), matches: z.array(z.string()) });

const injection: z.ZodType<Injection> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("network"), fault }),
  z.object({ kind: z.literal("water"), rttMs: z.number().optional(), lossPercent: z.number().optional() }),
  z.object({ kind: z.enum(["kill", "pause", "reboot", "destroy-disk", "full-disk"]), host: role }),
  z.object({ kind: z.literal("clock-skew"), host: role, seconds: z.number() }),
  z.object({ kind: z.literal("switchover"), to: role }),
]);

const content = z.object({ drill: z.string(), pid: z.number(), inForce: z.array(injection) });
type Content = z.infer<typeof content>;

/**
 * The faults that are in force, on disk. An injection is written down before it happens and struck out after it is undone, so that
 * whatever happens to the drill, whoever comes next knows what there may be to undo.
 */
export interface Journal {
  /** The drill that wrote it, and whether its process still lives; undefined when nothing is in force. */
  owner(): { readonly drill: string; readonly pid: number } | undefined;
  /** What may be in force, oldest first. */
  inForce(): readonly Injection[];
  add(drill: string, inject: Injection): void;
  remove(inject: Injection): void;
}

/**
 * A journal in a file.
 * @throws Error from every reader when the file can't be read as one: to guess would leave a fault in force.
 */
export function openJournal(file: string): Journal {
  const read = (): Content | undefined => {
    if (!existsSync(file)) return undefined;
    const parsed = content.safeParse(JSON.parse(readFileSync(file, "utf8")));
    if (!parsed.success)
      throw new Error(`${file} isn't a journal of drills; undo its faults by hand and remove it`);
    return parsed.data;
  };
  const write = (next: Content): void => {
    if (next.inForce.length === 0) rmSync(file, { force: true });
    else writeAtomically(file, JSON.stringify(next, undefined, 2) + "\n");
  };
  return {
    owner: () => read(),
    inForce: () => read()?.inForce ?? [],
    add: (drill, inject) => {
      write({ drill, pid: process.pid, inForce: [...(read()?.inForce ?? []), inject] });
    },
    remove: (inject) => {
      const before = read();
      if (!before) return;
      const same = (other: Injection): boolean => JSON.stringify(other) === JSON.stringify(inject);
      const index = before.inForce.map(same).lastIndexOf(true);
      write({ ...before, inForce: before.inForce.filter((_, at) => at !== index) });
    },
  };
}

/** The faults of the network that are to be in force: the journal's, without one of those that are equal to `except`. */
export function networkFaults(journal: Journal, except?: Injection): Fault[] {
  const all = journal.inForce();
  const ended = except && all.map((one) => JSON.stringify(one)).lastIndexOf(JSON.stringify(except));
  return all.flatMap((one, index) => (one.kind === "network" && index !== ended ? [one.fault] : []));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Looks whether a drill left something in force.
 * @returns whether there is something to undo, which has been said then.
 * @throws Error when the drill that wrote the journal is running.
 */
export function hasLeftovers(journal: Journal, say: (line: string) => void): boolean {
  const owner = journal.owner();
  if (!owner) return false;
  if (owner.pid !== process.pid && isAlive(owner.pid))
    throw new Error(`the drill ${owner.drill} is running (process ${owner.pid})`);
  say(`the drill ${owner.drill} left faults in force; they are undone first`);
  return true;
}
