import { installerCommand } from "../../components/host/installer";
import type { InstallerOperation, InstallerOptions } from "../../components/host/installer";
import { SshError, type Session, type SshConnection } from "../ssh/session";

/** A generation that is staged on a host. */
export interface CommitHost {
  readonly name: string;
  readonly component: string;
  readonly generation: string;
  readonly connection: SshConnection;
}

export interface CommitPlan {
  readonly hosts: readonly CommitHost[];
  /** A host that is not confirmed undoes its commit after this time, s. */
  readonly confirmWithinSeconds: number;
  /** All hosts have to be ready within this time after their commits, s. Less than `confirmWithinSeconds`. */
  readonly readyWithinSeconds: number;
}

/** What the protocol needs from the world. */
export interface Surroundings {
  /** Opens a new connection. */
  dial(connection: SshConnection): Promise<Session>;
  /** Milliseconds since the epoch. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Between two questions whether a host is ready. */
const POLL_MS = 1_000;

/** Longest time for a single operation on a host: daemons restart in it, on a slow machine. */
const OPERATION_MS = 120_000;

/** Longest time for a question; a connection that takes longer is lost in a firewall. */
const QUESTION_MS = 20_000;

/** What must be left of `confirmWithinSeconds` when the hosts are ready: two handshakes across an ocean. */
export const CONFIRM_MARGIN_SECONDS = 10;

interface Answer {
  readonly result: string;
  readonly pending: boolean;
  readonly ready?: boolean;
  readonly waiting?: readonly { readonly name: string; readonly cause: string }[];
}

class Failure extends Error {}

function because(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A host in the course of a commit, with the one connection that it is asked over. */
class Participant {
  session: Session | undefined;
  /** When the host undoes the commit by itself, ms since the epoch; undefined while it has nothing to undo. */
  undoneAt: number | undefined;
  /** Whether the commit changed something that still waits for confirmation. */
  toConfirm = false;
  toSettle = false;

  constructor(
    readonly host: CommitHost,
    private readonly surroundings: Surroundings,
  ) {}

  get name(): string {
    return this.host.name;
  }

  /** Leaves the connection it had and opens another. */
  async reconnect(): Promise<void> {
    this.close();
    this.session = await this.surroundings.dial(this.host.connection);
  }

  close(): void {
    this.session?.close();
    this.session = undefined;
  }

  async ask(
    operation: InstallerOperation,
    options: InstallerOptions = {},
    timeoutMs = OPERATION_MS,
  ): Promise<Answer> {
    if (!this.session) throw new SshError("interrupted", "there is no connection");
    const { component, generation, connection } = this.host;
    const command = installerCommand(connection.user, operation, { component, generation, ...options });
    const { status, stdout, stderr } = await this.session.exec(command, { timeoutMs });
    if (status !== 0) throw new Failure(stderr.trim() || `${operation} ended with status ${status}`);
    return JSON.parse(stdout) as Answer;
  }
}

/** Runs a step on all hosts at once. @throws Failure that names every host where it failed. */
async function onAll(
  hosts: readonly Participant[],
  step: (host: Participant) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(hosts.map(step));
  const failed = results.flatMap((result, index) =>
    result.status === "rejected" ? [`${hosts[index]!.name}: ${because(result.reason)}`] : [],
  );
  if (failed.length > 0) throw new Failure(failed.join("; "));
}

async function commit(host: Participant, plan: CommitPlan, surroundings: Surroundings): Promise<void> {
  const confirmWithin = plan.confirmWithinSeconds;
  // Until the host says otherwise: a commit whose answer is lost may have happened.
  host.undoneAt = surroundings.now() + OPERATION_MS + confirmWithin * 1000;
  try {
    const answer = await host.ask("commit", { "confirm-within": confirmWithin });
    host.toConfirm = answer.pending;
    host.toSettle = answer.pending || answer.result !== "unchanged";
    host.undoneAt = answer.pending ? surroundings.now() + confirmWithin * 1000 : undefined;
  } catch (error) {
    // The host answered that it failed, so it has put everything back already.
    if (!(error instanceof SshError)) host.undoneAt = undefined;
    throw error;
  }
}

/** Asks until every host is ready. A connection that the change broke is replaced by the one that will confirm. */
async function awaitReady(
  hosts: readonly Participant[],
  plan: CommitPlan,
  surroundings: Surroundings,
): Promise<Set<Participant>> {
  const deadline = surroundings.now() + plan.readyWithinSeconds * 1000;
  const reconnected = new Set<Participant>();
  const missing = new Map<Participant, string>(hosts.map((host) => [host, "has not answered"]));
  for (;;) {
    await onAll([...missing.keys()], async (host) => {
      try {
        const answer = await host.ask("ready", {}, QUESTION_MS);
        if (answer.ready) missing.delete(host);
        else {
          const conditions = (answer.waiting ?? []).map(({ name, cause }) => `${name} (${cause})`);
          missing.set(host, `is not ready: ${conditions.join("; ")}`);
        }
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        missing.set(host, because(error));
        await host.reconnect().then(
          () => reconnected.add(host),
          (refusal: unknown) => missing.set(host, `accepts no new connection: ${because(refusal)}`),
        );
      }
    });
    if (missing.size === 0) return reconnected;
    if (surroundings.now() >= deadline) {
      const reasons = [...missing].map(([host, reason]) => `${host.name} ${reason}`);
      throw new Failure(`after ${plan.readyWithinSeconds} s ${reasons.join("; ")}`);
    }
    await surroundings.sleep(POLL_MS);
  }
}

/** Undoes what was committed, now where a host can be reached; the others do it themselves. Tells which did what. */
async function undo(hosts: readonly Participant[], why: string): Promise<string> {
  const committed = hosts.filter((host) => host.undoneAt !== undefined);
  const outcomes = committed.map(async (host): Promise<string> => {
    const attempt = (): Promise<Answer> => host.ask("rollback", { cause: why });
    try {
      await attempt().catch(async (error: unknown) => {
        if (!(error instanceof SshError)) throw error;
        await host.reconnect();
        return attempt();
      });
      return `${host.name} was rolled back`;
    } catch (error) {
      const at = new Date(host.undoneAt!).toISOString();
      return `${host.name} could not be rolled back (${because(error)}) and undoes the change itself by ${at}`;
    }
  });
  return (await Promise.all(outcomes)).join("; ");
}

/**
 * Makes the staged generations current on all hosts, or on none.
 *
 * Every host commits with a timer that undoes it. They are confirmed, each over a connection that was opened after the
 * change, once all of them are ready. So neither a peer that fails, nor a link that does not come up, nor a firewall
 * that shuts us out is final. At most two connections are opened to a host as long as none breaks.
 *
 * @throws Error that names the host, the cause, and what became of every host.
 */
export async function commitTogether(plan: CommitPlan, surroundings: Surroundings): Promise<void> {
  if (plan.readyWithinSeconds > plan.confirmWithinSeconds - CONFIRM_MARGIN_SECONDS) {
    throw new Error(
      `hosts have ${plan.readyWithinSeconds} s to get ready, but undo the change after ` +
        `${plan.confirmWithinSeconds} s: at least ${CONFIRM_MARGIN_SECONDS} s must be left to confirm it`,
    );
  }
  const hosts = plan.hosts.map((host) => new Participant(host, surroundings));
  try {
    await onAll(hosts, (host) => host.reconnect()).catch((error: unknown) => {
      throw new Error(`nothing was changed: ${because(error)}`);
    });
    try {
      await onAll(hosts, (host) => commit(host, plan, surroundings));
      const changed = hosts.filter((host) => host.toSettle);
      if (changed.length === 0) return;
      await onAll(changed, async (host) => void (await host.ask("settle")));
      const reconnected = await awaitReady(hosts, plan, surroundings);
      const unconfirmed = hosts.filter((host) => host.toConfirm);
      await onAll(unconfirmed, async (host) => {
        if (reconnected.has(host)) return;
        await host.reconnect().catch((error: unknown) => {
          throw new Failure(`no new connection after the change: ${because(error)}`);
        });
      });
      await onAll(unconfirmed, async (host) => void (await host.ask("confirm")));
    } catch (error) {
      const outcome = await undo(hosts, because(error));
      throw new Error(`the change was undone: ${because(error)}${outcome && `. ${outcome}`}`, {
        cause: error,
      });
    }
  } finally {
    for (const host of hosts) host.close();
  }
}
