import { randomBytes } from "node:crypto";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";

/** A program that runs on a machine and notes what it sees. */
export interface Watcher {
  /** All that it has seen so far. */
  read(): Promise<string>;
  stop(): Promise<void>;
}

/** A watcher ends by itself after this, should nobody be left to stop it; the longest observation is shorter. */
const lifetimeSeconds = 1200;

/** Starts a program that writes a line for each thing that happens. */
export async function watch(session: Session, command: string): Promise<Watcher> {
  const file = `/run/bench-${randomBytes(6).toString("hex")}`;
  const pid = Number(
    await run(session, `env TZ=UTC timeout ${lifetimeSeconds} ${command} >${file} 2>&1 </dev/null & echo $!`),
  );
  return {
    read: () => run(session, `cat ${file}`),
    stop: async () => void (await run(session, `kill ${pid}; rm -f ${file}`)),
  };
}
