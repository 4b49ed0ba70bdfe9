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

/** How long a host itself looks again before it says that it is not ready, s: long enough to spare most questions. */
const READY_WAIT_SECONDS = 5;

/** What must be left of `confirmWithinSeconds` when the hosts are ready: two handshakes across an ocean. */
export const CONFIRM_MARGIN_SECONDS = 10;

interface Answer {
  readonly result: string;
  readonly pending: boolean;
  /** Of a commit: whether there is something to settle. */
  readonly settles?: boolean;
  /** Of a commit: what has to hold before the host is ready, in words. */
  readonly conditions?: readonly string[];
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
  /** Whether the commit changed something, so that the host has to get ready. */
  changed = false;
  toSettle = false;
  conditions: readonly string[] = [];
  private next: Promise<Session> | undefined;

  constructor(
    readonly host: CommitHost,
    private readonly surroundings: Surroundings,
  ) {}

  get name(): string {
    return this.host.name;
  }

  /** Begins to open the connection that `reconnect` is about to take: a handshake takes a slow host seconds. */
  dialAhead(): void {
    this.next = this.dial();
    // Whoever takes it dials again.
    this.next.catch(() => undefined);
  }

  /** Leaves the connection it had for another. */
  async reconnect(): Promise<void> {
    this.leave();
    const ahead = this.next;
    this.next = undefined;
    this.session = await (ahead?.catch(() => this.dial()) ?? this.dial());
  }

  close(): void {
    this.leave();
    void this.next?.then(
      (session) => session.close(),
      () => undefined,
    );
  }

  private leave(): void {
    this.session?.close();
    this.session = undefined;
  }

  private dial(): Promise<Session> {
    return this.surroundings.dial(this.host.connection);
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
    host.changed = answer.pending || answer.result !== "unchanged";
    host.toSettle = host.changed && answer.settles === true;
    host.conditions = answer.conditions ?? [];
    host.undoneAt = answer.pending ? surroundings.now() + confirmWithin * 1000 : undefined;
  } catch (error) {
    // The host answered that it failed, so it has put everything back already.
    if (!(error instanceof SshError)) host.undoneAt = undefined;
    throw error;
  }
}

/** Why a host that was asked whether it is ready did not say so. */
function unanswered(host: Participant, error: SshError): string {
  if (error.failure !== "timeout" || host.conditions.length === 0) return because(error);
  return `does not say whether it is ready (${host.conditions.join("; ")}): ${because(error)}`;
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
      const left = Math.floor((deadline - surroundings.now()) / 1000);
      const within = Math.max(0, Math.min(READY_WAIT_SECONDS, left));
      try {
        const answer = await host.ask("ready", { within }, QUESTION_MS + within * 1000);
        if (answer.ready) missing.delete(host);
        else {
          const conditions = (answer.waiting ?? []).map(({ name, cause }) => `${name} (${cause})`);
          missing.set(host, `is not ready: ${conditions.join("; ")}`);
        }
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        missing.set(host, unanswered(host, error));
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
 * Every host commits with a timer that undoes it. They are confirmed, each over a connection that was opened after all
 * had changed, once all of them are ready. So neither a peer that fails, nor a link that does not come up, nor a firewall
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
      if (!hosts.some((host) => host.changed)) return;
      const unconfirmed = hosts.filter((host) => host.toConfirm);
      for (const host of unconfirmed) host.dialAhead();
      const unsettled = hosts.filter((host) => host.toSettle);
      await onAll(unsettled, async (host) => void (await host.ask("settle")));
      const reconnected = await awaitReady(hosts, plan, surroundings);
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
