import { readFileSync } from "node:fs";

/** A live process as /proc shows it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Resident memory in bytes. */
  readonly residentBytes: number;
}

/** Reads a process; undefined when there is none with that id, or only its zombie. */
export function readProcess(pid: number): ProcessInfo | undefined {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (argv.length === 0) return undefined;
    return { pid, argv, residentBytes: Number(resident ?? 0) * 1024 };
  } catch {
    return undefined;
  }
}

/** Waits until a condition holds, asking again every `everyMs`. @returns whether it held before the deadline. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
  everyMs = 100,
): Promise<boolean> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= end) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
