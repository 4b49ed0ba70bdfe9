import type { z } from "zod";
import { MONITOR_ROLE } from "../../components/postgres/plan";
import type { Session } from "../ssh/session";
import type { DatabaseEnd, ReplicationFacts } from "./facts";

/** Why a statement gave no answer: no server, no way in for the role, or the statement itself. */
export type DatabaseFailure = "server" | "role" | "query";

/** A statement that a server did not carry out. The message is the first line of psql's words. */
export class DatabaseError extends Error {
  constructor(
    readonly failure: DatabaseFailure,
    message: string,
  ) {
    super(message);
    this.name = "DatabaseError";
  }
}

/** One site's database, spoken to by psql on its own host, over the Unix socket. */
export interface Database {
  /**
   * Runs statements, which travel over standard input.
   * @throws DatabaseError, SshError
   */
  run(sql: string, timeoutMs?: number): Promise<string>;
  /** The one JSON value that a query gives, checked. @throws DatabaseError, SshError */
  json<T>(sql: string, schema: z.ZodType<T>, timeoutMs?: number): Promise<T>;
}

const NO_SERVER =
  /connection to server .* failed: (No such file|Connection refused)|the database system is|server closed the connection|could not connect/;
const NO_ENTRY =
  /authentication failed|no pg_hba\.conf entry|role ".*" does not exist|database ".*" does not exist|permission denied|not permitted to log in/;

/**
 * Both sites print values alike, whatever their own settings are: rows are compared by their text. Reading goes on where
 * writing is refused, and what is written here is not an application's.
 */
const PRELUDE = `set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 1;
set bytea_output = 'hex'; set client_min_messages = warning; set lock_timeout = '10s'; set default_transaction_read_only = off;
`;

function failureOf(message: string): DatabaseFailure {
  if (NO_SERVER.test(message) && !NO_ENTRY.test(message)) return "server";
  return NO_ENTRY.test(message) ? "role" : "query";
}

/** A string as an SQL literal. */
export function literal(value: string): string {
  return `E'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/**
 * @param as `monitor` looks and beats; `superuser` is PostgreSQL's own user, for what rebuilds a subscription.
 */
export function openDatabase(
  session: Session,
  end: DatabaseEnd,
  facts: Pick<ReplicationFacts, "database" | "socket" | "port">,
  as: "monitor" | "superuser",
): Database {
  const root = end.connection.user === "root";
  const become = {
    monitor: root ? "" : "sudo -n ",
    superuser: root ? "runuser -u postgres -- " : "sudo -n -u postgres ",
  }[as];
  const role = as === "monitor" ? MONITOR_ROLE : "postgres";
  const target = `-h ${facts.socket} -p ${facts.port} -U ${role} -d ${facts.database}`;
  const command = `cd / && ${become}psql -X -A -t -q -w -v ON_ERROR_STOP=1 ${target}`;
  const run = async (sql: string, timeoutMs = 60_000): Promise<string> => {
    const stdin = `${PRELUDE}set statement_timeout = ${timeoutMs};\n${sql}`;
    const { status, stdout, stderr } = await session.exec(command, { stdin, timeoutMs: timeoutMs + 15_000 });
    if (status === 0) return stdout.trim();
    const message = stderr.trim().split("\n")[0] ?? "";
    throw new DatabaseError(failureOf(stderr), message || `psql ended with status ${status}`);
  };
  return {
    run,
    json: async (sql, schema, timeoutMs) => {
      const text = await run(sql, timeoutMs);
      try {
        return schema.parse(JSON.parse(text));
      } catch {
        throw new DatabaseError("query", `${end.host}: psql's output was not understood`);
      }
    },
  };
}
