import { z } from "zod";
import { runPulumi } from "../../toolchain/pulumi";
import { type DatabaseEnd, type ReplicationFacts, replicationFactsSchema } from "./facts";

/** The databases of a stack, from its output `postgresFacts`. @throws Error when the stack has none or can't be read */
export async function deployedDatabases(stack: string): Promise<ReplicationFacts> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the outputs of stack ${stack} cannot be read: ${stderr.trim()}`);
  const outputs = z.object({ postgresFacts: replicationFactsSchema }).safeParse(JSON.parse(stdout));
  if (!outputs.success)
    throw new Error(`stack ${stack} has no databases among its outputs: was it deployed?`);
  return outputs.data.postgresFacts;
}

/** The end of a site. @throws Error naming the option, the value and what is allowed */
export function endOf(facts: ReplicationFacts, site: string | undefined, option: string): DatabaseEnd {
  const end = [facts.primary, facts.secondary].find((one) => one.site === site);
  if (end) return end;
  const allowed = `${facts.primary.site}, ${facts.secondary.site}`;
  throw new Error(`${option}: ${site ?? "nothing"} is no site with a database; allowed: ${allowed}`);
}
