import { linkStatus, type LinkStatus } from "../providers/probes/status";
import type { StackOutputs } from "./contract";

/** Measures what a stack deployed, as it is now. Never fails for what is broken: it says so. */
export function deployedStatus({
  linkFacts,
  backup,
  ha,
  postgresFacts,
}: Pick<StackOutputs, "linkFacts" | "backup" | "ha" | "postgresFacts">): Promise<LinkStatus> {
  return linkStatus(linkFacts, {
    backup: backup !== "off",
    ha: ha === "off" ? null : ha,
    postgres: postgresFacts === "off" ? null : postgresFacts,
  });
}
