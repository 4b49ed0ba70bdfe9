import { closeSessions, measure, openSessions, realWorld } from "../providers/probes/measure";
import { stackOutputs } from "../outputs/contract";
import { mustPulumi } from "./deployments";
import { type Figure, figure, ratio } from "./figure";

/** Probes over the link, and as many beside it at the same time; 20 s of them. */
const burst = { probes: 400, intervalMs: 50 };

/** How much slower the link may be than what it runs over. */
const tunnelShare = 1.03;

/** Measures round trips over the link and beside it. @throws Error when the link doesn't answer. */
export async function roundTrips(): Promise<Figure[]> {
  const { stdout } = await mustPulumi(["stack", "output", "--json", "--show-secrets"]);
  const { linkFacts } = stackOutputs.parse(JSON.parse(stdout));
  const sessions = await openSessions(linkFacts, realWorld);
  try {
    const { burst: found } = await measure(linkFacts, sessions, burst);
    if (!found) throw new Error("the gateway that sends the probes could not be reached");
    const tunnel = figure("round trip over the tunnel", "ms", found.tunnel.rttsMs);
    const underlay = figure("round trip of the underlay", "ms", found.underlay.rttsMs);
    return [
      tunnel,
      underlay,
      ratio("  tunnel ÷ underlay, p50", tunnel, underlay, [{ of: "max", atMost: tunnelShare }]),
    ];
  } finally {
    closeSessions(sessions);
  }
}
