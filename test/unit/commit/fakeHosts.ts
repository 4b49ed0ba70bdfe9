import { type CommitHost, type CommitPlan, commitTogether } from "../../../providers/commit/twoPhase";
import { type ExecResult, type Session, SshError, type SshConnection } from "../../../providers/ssh/session";

/** How a pretended host behaves; everything works unless it says otherwise. */
export interface Behaviour {
  readonly unchanged?: boolean;
  /** Has nothing to settle. */
  readonly settled?: boolean;
  /** What the installer says when this operation fails. */
  readonly fails?: Partial<Record<string, string>>;
  /** Operations at which, the first time, the connection breaks before the answer arrives. */
  readonly breaksAt?: readonly string[];
  /** Asked how often before it is ready; Infinity: never. */
  readonly readyAfter?: number;
  /** Never answers whether it is ready. */
  readonly hangs?: boolean;
  /** Dials that are refused, by their number. */
  readonly refuses?: readonly number[];
  /** Accepts no connection after the first so many. */
  readonly acceptsConnections?: number;
}

export class FakeHost {
  /** What was asked of it, with `dial` where somebody connected. */
  readonly events: string[] = [];
  connections = 0;
  private dials = 0;
  open = 0;
  current = "old";
  armed = false;
  private asked = 0;

  constructor(
    readonly name: string,
    private readonly behaviour: Behaviour,
  ) {}

  get planned(): CommitHost {
    const connection = { host: this.name, port: 22, user: "root", privateKey: "", hostKey: "" };
    return { name: this.name, component: "link", generation: "new", connection };
  }

  /** What the installer was asked. */
  get operations(): string[] {
    return this.events.filter((event) => event !== "dial");
  }

  dial(): Session {
    this.events.push("dial");
    const refused = this.behaviour.refuses?.includes(++this.dials) ?? false;
    if (refused || this.connections >= (this.behaviour.acceptsConnections ?? Infinity)) {
      throw new SshError("unreachable", `${this.name}:22 cannot be reached over SSH`);
    }
    this.connections++;
    this.open++;
    let broken = false;
    return {
      exec: async (command) => {
        const operation = / installer\.py (\w+)/.exec(command.replace(/\S*\//, " "))![1]!;
        this.events.push(operation);
        if (broken) throw new SshError("interrupted", `${this.name}: the connection broke`);
        if (operation === "ready" && this.behaviour.hangs) {
          throw new SshError("timeout", `${this.name}: a command did not end within 25000 ms`);
        }
        const result = this.run(operation);
        const first = this.operations.indexOf(operation) === this.operations.length - 1;
        if (first && this.behaviour.breaksAt?.includes(operation)) {
          broken = true;
          throw new SshError("interrupted", `${this.name}: the connection broke`);
        }
        return result;
      },
      close: () => void this.open--,
    };
  }

  private run(operation: string): ExecResult {
    const failure = this.behaviour.fails?.[operation];
    if (failure) return { status: 1, stdout: "", stderr: `${failure}\n` };
    const answer: Record<string, unknown> = { result: operation };
    if (operation === "commit") {
      answer["settles"] = !this.behaviour.settled;
      answer["conditions"] = ["BFD is up"];
      if (this.behaviour.unchanged) answer["result"] = "unchanged";
      else [this.current, this.armed] = ["new", true];
    }
    if (operation === "confirm") this.armed = false;
    else if (operation === "rollback") [this.current, this.armed] = ["old", false];
    else if (operation === "ready" && this.asked++ < (this.behaviour.readyAfter ?? 0)) {
      answer["waiting"] = [{ name: "BFD is up", cause: "session is down" }];
    } else if (operation === "ready") answer["ready"] = true;
    return { status: 0, stdout: JSON.stringify({ ...answer, pending: this.armed }), stderr: "" };
  }
}

/** Commits on pretended hosts, in pretended time. @returns the hosts and the error, if it failed. */
export async function commitOn(
  behaviours: Readonly<Record<string, Behaviour>>,
  plan: Partial<CommitPlan> = {},
): Promise<{ hosts: Record<string, FakeHost>; error: string | undefined; elapsedMs: number }> {
  const hosts = Object.fromEntries(
    Object.entries(behaviours).map(([name, behaviour]) => [name, new FakeHost(name, behaviour)]),
  );
  let clock = 0;
  const error = await commitTogether(
    {
      hosts: Object.values(hosts).map((host) => host.planned),
      confirmWithinSeconds: 90,
      readyWithinSeconds: 75,
      ...plan,
    },
    {
      dial: async (connection: SshConnection) => hosts[connection.host]!.dial(),
      now: () => clock,
      sleep: async (ms) => void (clock += ms),
    },
  ).then(
    () => undefined,
    (failure: Error) => failure.message,
  );
  return { hosts, error, elapsedMs: clock };
}
