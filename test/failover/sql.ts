import { run } from "../../lab/sessions";
import type { Session } from "../../providers/ssh/session";

/** The rows of a query as the database's superuser, one a line. */
export async function sql(on: Session, query: string, database = "app"): Promise<string> {
  const psql = `cd / && runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -d ${database} -f -`;
  return (await run(on, psql, { stdin: query })).trim();
}
