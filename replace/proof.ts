import { isPaired } from "../providers/probes/ha";
import type { LinkStatus } from "../providers/probes/status";

/** A backup path that waits until a link that flapped is calm; it carries, and goes back by itself. */
const CALMING = new Set(["standby", "held"]);

/** What is not in order yet, a few words for each; empty when the replacement is proven. */
export function unproven({ link, backup, ha, postgres }: LinkStatus): string[] {
  return [
    ...(link.state === "up" ? [] : [`the link is ${link.state}`]),
    ...Object.entries(backup ?? {}).flatMap(([site, { state }]) =>
      CALMING.has(state) ? [] : [`the backup path of ${site} is ${state}`],
    ),
    ...(ha === null || isPaired(ha) ? [] : ["the pair is not in order"]),
    ...(postgres === null || postgres.state === "up" ? [] : [`replication is ${postgres.state}`]),
  ];
}
