import { quoted } from "../../components/host/installer";
import { run } from "../../lab/sessions";
import type { Session } from "../../providers/ssh/session";
import { outputs } from "../lab/support/deployed";
import { eventually, type Lab } from "../lab/support/lab";

const clockMeasuredMs = 180_000;

/** The rows of a query as the database's superuser, one a line. */
export async function sql(on: Session, query: string, database = "app"): Promise<string> {
  const psql = `cd / && runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -d ${database} -f -`;
  return (await run(on, psql, { stdin: query })).trim();
}

/** Where an application's statement goes, when not as the one that is deployed to the server of the host itself. */
interface Way {
  readonly login?: { readonly user: string; readonly password: string };
  readonly server?: string;
  readonly port?: number;
  readonly database?: string;
  /** The shell that psql runs in, such as a client's. */
  readonly shell?: string;
}

/** A statement by TCP and password, as applications send them. `text` is all that they get to see. */
export async function asApplication(
  on: Session,
  statement: string,
  { login, server = "127.0.0.1", port = 5432, database = "app", shell = "sh" }: Way = {},
): Promise<{ status: number; text: string }> {
  const { user, password } = login ?? (await outputs()).postgresCredentials[0]!;
  const dsn = `host=${server} port=${port} dbname=${database} user=${user}`;
  const psql = `psql -X -q -At -v ON_ERROR_STOP=1 "${dsn}" -c ${quoted(statement)}`;
  // A command line is for every user of the host to read.
  const stdin = `export PGPASSWORD=${quoted(password)}; ${psql}`;
  const { status, stdout, stderr } = await on.exec(shell, { stdin });
  return { status: status ?? 1, text: (stdout + stderr).trim() };
}

/** Waits until a query says something. */
export function eventuallySays(
  on: Session,
  query: string,
  answer: string,
  deadlineMs = 30_000,
): Promise<void> {
  return eventually(`${query} says ${answer}`, async () => (await sql(on, query)) === answer, deadlineMs);
}

/** Waits until both sites take writes: a clock that is in doubt, as after a restored snapshot, is measured first. */
export async function takeWrites({ la, sg }: Pick<Lab, "la" | "sg">): Promise<void> {
  for (const host of [la, sg]) {
    await eventuallySays(host, "SELECT bool_and(writable) FROM crossborder.site", "t", clockMeasuredMs);
  }
}
