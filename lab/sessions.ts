import { readFileSync } from "node:fs";
import { connect, type Session, SshError, type SshConnection } from "../providers/ssh/session";
import type { Machine } from "./network/plan";
import { type LabPaths, labPaths } from "./paths";
import { inventoryEntry } from "./state";

/** How to reach a machine of the lab over SSH, with its key pinned. */
export function connectionOf(machine: Machine, paths: LabPaths = labPaths()): SshConnection {
  const { privateKeyFile, ...entry } = inventoryEntry(paths, machine);
  return { ...entry, privateKey: readFileSync(privateKeyFile, "utf8") };
}

/** Opens a session with a machine of the lab. @throws SshError */
export function openSession(
  machine: Machine,
  options: { paths?: LabPaths; dialTimeoutMs?: number } = {},
): Promise<Session> {
  return connect(connectionOf(machine, options.paths), options);
}

/** Whether a machine answers over SSH now. */
export async function answers(machine: Machine, paths: LabPaths, dialTimeoutMs = 10_000): Promise<boolean> {
  try {
    (await openSession(machine, { paths, dialTimeoutMs })).close();
    return true;
  } catch (error) {
    if (error instanceof SshError && error.failure === "unreachable") return false;
    throw error;
  }
}

/**
 * Runs a command and returns what it printed.
 * @throws Error with what it wrote to stderr when its status is not 0.
 */
export async function run(
  session: Session,
  command: string,
  options?: { stdin?: string; timeoutMs?: number },
): Promise<string> {
  const result = await session.exec(command, options);
  if (result.status !== 0) {
    throw new Error(
      `\`${command}\` ended with status ${result.status}: ${(result.stderr || result.stdout).trim()}`,
    );
  }
  return result.stdout;
}
