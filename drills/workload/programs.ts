import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Session } from "../../providers/ssh/session";
import { run } from "../../lab/sessions";
import { type Attempt, parseHistory } from "../history";
import type { Specification } from "./specification";

/** Where drills keep their programs, specifications and histories on a host. Memory: a reboot leaves nothing. */
export const directory = "/run/crossborder-drill";

const sources = ["pgwire.py", "clients.py", "echo.py"] as const;

/** Programs end by themselves after this, should nobody be left to stop them; the longest drill is shorter. */
export const lifetimeSeconds = 1800;

/** Longest time for the clients to finish their last requests: two attempts each. */
const finishMs = 60_000;

/** A place where programs run: a host, or a network namespace of one. */
export interface Place {
  readonly session: Session;
  /** Goes before a command; ends with a space when it isn't empty. */
  readonly prefix: string;
}

/** Puts the programs on a host. */
export async function install(session: Session): Promise<void> {
  await run(session, `install -d -m 0700 ${directory}`);
  for (const name of sources) {
    const stdin = readFileSync(join(__dirname, name), "utf8");
    await run(session, `cat >${directory}/${name}`, { stdin });
  }
}

function python({ prefix }: Place, program: string, args: readonly string[], log: string): string {
  const command = `${prefix}timeout ${lifetimeSeconds} python3 -B ${directory}/${program} ${args.join(" ")}`;
  return `setsid ${command} >${directory}/${log}.log 2>&1`;
}

/** Starts the echo service. @returns its process. */
export async function startEcho(place: Place, address: string, port: number): Promise<number> {
  const command = python(place, "echo.py", [address, String(port)], `echo-${port}`);
  return Number(await run(place.session, `${command} </dev/null & echo $!`));
}

/**
 * Ends what drills run on a host: clients, services, notes of paths.
 * @throws Error when it can't be done there, for want of pkill and pgrep for one
 */
export async function endPrograms(session: Session): Promise<void> {
  // The brackets keep the pattern from matching the shell that has it on its own command line.
  const ours = `'${directory.replace(/.$/, "[$&]")}/[a-z]*[.](py|sh)'`;
  await run(
    session,
    `for needed in pkill pgrep; do command -v $needed >/dev/null || { echo "$needed (procps) is missing" >&2; exit 1; }; done
     pkill -KILL -f ${ours} || true; while pgrep -f ${ours} >/dev/null; do sleep 0.05; done`,
  );
}

/** The clients of one host, running. */
export interface RunningClients {
  /** How many requests each client has had answered so far. */
  answered(): Promise<Readonly<Record<string, number>>>;
  /** Has them finish, and reads what they saw. */
  finish(): Promise<Attempt[]>;
}

/** Starts clients. The specification holds a password: it goes over standard input into a file that only root may read. */
export async function startClients(place: Place, name: string, spec: Specification): Promise<RunningClients> {
  const { session } = place;
  const file = `${directory}/${name}.json`;
  await run(session, `umask 077; cat >${file}`, { stdin: JSON.stringify(spec) });
  const pid = Number(await run(session, `${python(place, "clients.py", [], name)} <${file} & echo $!`));
  const alive = `kill -0 -${pid} 2>/dev/null`;
  const count = `grep '"outcome":"ok"' ${spec.history} | grep -o '"client":"[^"]*"' | sort | uniq -c`;
  return {
    answered: async () => {
      const said = await run(
        session,
        `${alive} || { cat ${directory}/${name}.log; exit 1; }; ${count} || true`,
      );
      const lines = [...said.matchAll(/(\d+) "client":"([^"]+)"/g)];
      return Object.fromEntries(lines.map(([, number, client]) => [client!, Number(number)]));
    },
    finish: async () => {
      const wait = `kill -TERM -${pid} 2>/dev/null; for i in $(seq ${finishMs / 500}); do ${alive} || break; sleep 0.5; done`;
      await run(session, `${wait}; rm -f ${file}`, { timeoutMs: finishMs + 30_000 });
      return parseHistory(await run(session, `cat ${spec.history}`, { timeoutMs: 300_000 }));
    },
  };
}
