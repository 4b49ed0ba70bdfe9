import { existsSync, readFileSync, rmSync } from "node:fs";
import { z } from "zod";
import { writeAtomically } from "../lab/state";
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
