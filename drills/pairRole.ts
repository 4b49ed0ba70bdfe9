import { z } from "zod";
import { AGENT_STATE_FILE } from "../components/ha/plan";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";

const agentLook = z.object({ role: z.string() });

/** What a gateway's agent has the gateway do at the service address: `serve` or `proxy`. */
export async function readRole(session: Session): Promise<string> {
  return agentLook.parse(JSON.parse(await run(session, `cat ${AGENT_STATE_FILE}`))).role;
}
