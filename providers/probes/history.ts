import { z } from "zod";
import { asRoot } from "../../components/host/installer";
import { HEALTH_CONFIGURATION, HEALTH_PROGRAM } from "../../components/link/health/unit";
import type { Session } from "../ssh/session";
import type { LinkEnd } from "./facts";

/** What `link_health.py summary` prints: how the link fared in the last 24 hours, by a gateway's own probe. */
const historySchema = z.object({
  /** Time of the oldest record, s since 1970; null when there is none. */
  since: z.number().nullable(),
  runs: z.number(),
  /** Share of the runs by state, percent. */
  percent: z.record(z.string(), z.number()),
  worstMedianMs: z.number().nullable(),
  /** The latest changes of state, oldest first. */
  changes: z.array(z.object({ at: z.number(), from: z.string(), to: z.string(), reason: z.string() })),
});

export type LinkHistory = z.infer<typeof historySchema>;

/** The records of a gateway's own probe, which are root's; null when it has none that can be read. */
export async function readHistory(
  session: Session,
  { connection }: Pick<LinkEnd, "connection">,
): Promise<LinkHistory | null> {
  try {
    const command = `${asRoot(connection.user)}python3 ${HEALTH_PROGRAM} summary ${HEALTH_CONFIGURATION}`;
    const { status, stdout } = await session.exec(command, { timeoutMs: 30_000 });
    return status === 0 ? historySchema.parse(JSON.parse(stdout)) : null;
  } catch {
    return null;
  }
}
