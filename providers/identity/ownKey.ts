import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asRoot, quoted } from "../../components/host/installer";
import { connect, SshError, type Session, type SshConnection } from "../ssh/session";

/** A machine whose first connection is due, and everything that its sshd may be known by. */
export interface Machine {
  readonly connection: Omit<SshConnection, "hostKey">;
  /** sshd's systemd unit. */
  readonly sshUnit: string;
}

/** What the protocol needs from the world. */
export interface World {
  /** Opens a new connection. */
  dial(connection: SshConnection): Promise<Session>;
  /** Milliseconds since the epoch. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Tells whoever watches the deployment. */
  say(message: string): void;
}

export const realWorld: World = {
  dial: (connection) => connect(connection),
  now: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  // The engine shows what a provider writes there.
  say: (message) => void process.stderr.write(`${message}\n`),
};

/** Between two attempts to reach a machine. */
const POLL_MS = 3_000;
/** Between two words about a machine that is still waited for. */
const WORD_MS = 30_000;
/** Longest time for a step: the first one waits until cloud-init has finished, 900 s at most. */
const STEP_MS = 960_000;
/** sshd reads its configuration anew within a second; a slow machine gets a multiple, s. */
const PROOF_SECONDS = 60;

type Step = "adopt" | "retire" | "restore" | "forget";

async function take(
  session: Session,
  step: Step,
  { connection, sshUnit }: Machine,
  words: readonly string[] = [],
): Promise<{ readonly hostKey: string }> {
  const command = ["python3 -", step, ...[sshUnit, ...words].map(quoted)].join(" ");
  const { status, stdout, stderr } = await session.exec(asRoot(connection.user) + command, {
    stdin: readFileSync(join(__dirname, "host_identity.py"), "utf8"),
    timeoutMs: STEP_MS,
  });
  if (status !== 0) throw new Error(stderr.trim() || `the step "${step}" ended with status ${status}`);
  return JSON.parse(stdout) as { hostKey: string };
}

/**
 * Opens a connection to a machine that may still be booting, known by one of several keys.
 * @param world.changing Whether its sshd is just changing its keys, so that a wrong one may be the former.
 * @throws Error when it shows another key, at once, or can't be reached within the time.
 */
async function reach(
  connection: Machine["connection"],
  hostKeys: readonly string[],
  withinSeconds: number,
  world: World & { readonly changing?: boolean },
): Promise<Session> {
  const where = `${connection.host}:${connection.port}`;
  const start = world.now();
  let lastWord = start;
  for (;;) {
    const refusals: SshError[] = [];
    for (const hostKey of hostKeys) {
      try {
        return await world.dial({ ...connection, hostKey });
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        refusals.push(error);
      }
    }
    const reasons = refusals.map(({ message }) => message).join("; ");
    // Another machine has this address, or somebody is in between: waiting makes neither right.
    const wrong = refusals.every(({ failure }) => failure === "host-key-mismatch");
    if (wrong && !world.changing) throw new Error(reasons);
    const waited = world.now() - start;
    if (waited >= withinSeconds * 1000) {
      throw new Error(`${where} let nobody in within ${withinSeconds} s: ${reasons}`);
    }
    if (world.now() - lastWord >= WORD_MS) {
      lastWord = world.now();
      world.say(`waiting for ${where} for ${Math.round(waited / 1000)} s of ${withinSeconds} s: ${reasons}`);
    }
    await world.sleep(POLL_MS);
  }
}

/** Takes a step that changes what sshd serves, and proves by a new connection that the own key is served; else undoes it. */
async function change(session: Session, step: Step, machine: Machine, world: World): Promise<string> {
  const { hostKey } = await take(session, step, machine);
  try {
    const proof = await reach(machine.connection, [hostKey], PROOF_SECONDS, {
      ...world,
      changing: true,
    });
    proof.close();
  } catch (error) {
    await take(session, "restore", machine);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}; sshd serves what it served before`, { cause: error });
  }
  return hostKey;
}

/**
 * Has a machine make a host key of its own and serve it beside the one that it is known by. Its private half never leaves it.
 * Whatever interrupts this, the machine can be reached by the key that it was known by, so it can be done again.
 *
 * @param knownKeys Public keys that the machine may have, one of them at least: nothing else is ever accepted.
 * @param withinSeconds Longest wait for the machine's sshd.
 * @returns the own key's public half, proved by a second connection.
 * @throws Error that names the machine and the cause.
 */
export async function adoptOwnKey(
  machine: Machine,
  knownKeys: readonly string[],
  withinSeconds: number,
  world: World = realWorld,
): Promise<string> {
  const session = await reach(machine.connection, knownKeys, withinSeconds, world);
  try {
    return await change(session, "adopt", machine, world);
  } finally {
    session.close();
  }
}

/**
 * Has a machine serve its own key alone, and deletes the bootstrap key there. To be called when the own key is known for good,
 * i.e. stored: from then on it is the only one that the machine can be known by. May be repeated.
 * @throws Error that names the machine and the cause.
 */
export async function retireBootstrapKey(
  machine: Machine,
  keys: { readonly hostKey: string; readonly bootstrapKey: string },
  withinSeconds: number,
  world: World = realWorld,
): Promise<void> {
  const session = await reach(machine.connection, [keys.hostKey], withinSeconds, world);
  try {
    await change(session, "retire", machine, world);
    await take(session, "forget", machine, keys.bootstrapKey.split(" "));
  } finally {
    session.close();
  }
}
