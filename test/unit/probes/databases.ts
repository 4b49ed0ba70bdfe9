import type { World } from "../../../providers/probes/measure";
import type { Difference, Table, Version } from "../../../providers/postgres/compare";
import type { ReplicationFacts } from "../../../providers/postgres/facts";
import type { ReplicationMeasurement } from "../../../providers/probes/replicationMeasure";
import type { DatabaseState } from "../../../providers/probes/replicationState";
import type { ExecResult, SshError } from "../../../providers/ssh/session";

const connection = (host: string): ReplicationFacts["primary"]["connection"] => ({
  host,
  port: 22,
  user: "root",
  privateKey: "PRIVATE-KEY",
  hostKey: "ssh-ed25519 AAAA",
});

export const databases: ReplicationFacts = {
  name: "la-sg",
  primary: { site: "la", host: "la-gw1", connection: connection("192.0.2.1") },
  secondary: { site: "sg", host: "sg-gw1", connection: connection("192.0.2.2") },
  database: "app",
  socket: "/var/run/postgresql",
  port: 5432,
  lagBudgetMs: 500,
  compareLimitBytes: 1_000_000,
};

/** A healthy site as it sees itself. */
export function databaseState(site: "la" | "sg", changes: Partial<DatabaseState> = {}): DatabaseState {
  const peer = site === "la" ? "sg" : "la";
  return {
    slots: [{ name: `pgl_app_${site}_from_${site}`, active: true, walStatus: "reserved", retainedBytes: 56 }],
    walLimitBytes: 1 << 30,
    subscriptions: [{ name: `from_${peer}`, status: "replicating" }],
    conflicts: 2,
    problems: [],
    ...changes,
  };
}

export const table: Table = {
  name: "public.t",
  columns: ["id integer", "v text"],
  key: ["id"],
  writable: ["id", "v"],
  bytes: 8192,
  rows: 10,
};

export function version(row: string, changes: Partial<Version> = {}): Version {
  return { row, committedAt: 1_000_000, written: "here", ...changes };
}

export function difference(a: Version | null, b: Version | null, key = "(1)"): Difference {
  return { table, key, a, b };
}

/** A measurement of healthy replication, with changes to each site's state and to what was measured. */
export function replication(
  changes: {
    la?: Partial<DatabaseState>;
    sg?: Partial<DatabaseState>;
    applyError?: { at: string; message: string };
  } & Partial<Pick<ReplicationMeasurement, "beats" | "rows">> = {},
): ReplicationMeasurement {
  const { la, sg, applyError = null, ...measured } = changes;
  return {
    sites: {
      primary: { end: databases.primary, state: databaseState("la", la), applyError },
      secondary: { end: databases.secondary, state: databaseState("sg", sg), applyError },
    },
    beats: { primary: [54, 55, 53], secondary: [60, 61, 59] },
    rows: { compared: 3, mismatches: [], differences: [], unchecked: [] },
    ...measured,
  };
}

/** What psql on a host answers, by a part of what it is told: the first that matches. undefined fails as a server that is down. */
export type Psql = (host: "la" | "sg", sql: string, clock: number) => string | undefined;

/** Two hosts behind fake sessions, and a clock that only sleeping moves. */
export class FakeHosts implements World {
  clock = 0;
  open = 0;
  readonly commands: { host: string; command: string; stdin: string }[] = [];

  constructor(
    private readonly psql: Psql,
    private readonly more: {
      readonly dial?: (host: "la" | "sg", clock: number) => SshError | undefined;
      readonly exec?: (command: string) => ExecResult | undefined;
    } = {},
  ) {}

  now(): number {
    return this.clock;
  }

  async sleep(ms: number): Promise<void> {
    this.clock += ms;
  }

  async connect({ host: address }: { host: string }): ReturnType<World["connect"]> {
    const host = address === "192.0.2.1" ? "la" : "sg";
    const failure = this.more.dial?.(host, this.clock);
    if (failure) throw failure;
    this.open++;
    return {
      close: () => void this.open--,
      exec: async (command, options) => {
        const stdin = options?.stdin ?? "";
        this.commands.push({ host, command, stdin });
        const canned = this.more.exec?.(command);
        if (canned) return canned;
        const answer = this.psql(host, stdin, this.clock);
        if (answer !== undefined) return { status: 0, stdout: `${answer}\n`, stderr: "" };
        const stderr =
          'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory\n\tIs the server running locally?';
        return { status: 2, stdout: "", stderr };
      },
    };
  }
}
