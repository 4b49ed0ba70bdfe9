import { run } from "../../lab/sessions";
import type { Session } from "../../providers/ssh/session";
import { eventually, type Lab } from "../lab/support/lab";

const clockMeasuredMs = 180_000;

/** The rows of a query as the database's superuser, one a line. */
export async function sql(on: Session, query: string, database = "app"): Promise<string> {
  const psql = `cd / && runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -d ${database} -f -`;
  return (await run(on, psql, { stdin: query })).trim();
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
