import { z } from "zod";
import { peerOf, type SiteName, siteNames, sites } from "../lab/network/plan";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";
import { type BenchLab, withBenchLab } from "./lab";
import { poll } from "./polling";

/** A session this old has left its slow start behind: BFD negotiates its real interval within the first seconds. */
const settledSeconds = 5;
/** BGP may wait for its connect retry, 120 s by default, more than once. */
const settleDeadlineMs = 400_000;

const neighbors = z.record(
  z.string(),
  z.object({
    bgpState: z.string(),
    bgpTimerUpMsec: z.number().optional(),
    bgpTimerHoldTimeMsecs: z.number().optional(),
    bgpTimerConfiguredHoldTimeMsecs: z.number().optional(),
  }),
);

const bfdPeers = z.array(z.object({ status: z.string(), uptime: z.number().optional() }));

/** What a gateway says of its side: `settled`, not yet, or that BGP still runs with the timers of former settings. */
type Side = "settled" | "unsettled" | "former timers";

async function sideOf(session: Session, site: SiteName): Promise<Side> {
  const [bgp = "", bfd = "", route = ""] = (
    await run(
      session,
      `vtysh -c 'show bgp neighbors json'; echo ---; vtysh -c 'show bfd peers json' || echo '[]'; echo ---; ` +
        `ip route show ${sites[peerOf(site)].cidr} proto bgp`,
    )
  ).split("---\n");
  const sessions = Object.values(neighbors.parse(JSON.parse(bgp)));
  const old = (milliseconds = 0): boolean => milliseconds >= settledSeconds * 1000;
  const established = sessions.filter(({ bgpState }) => bgpState === "Established");
  if (established.some((one) => one.bgpTimerHoldTimeMsecs !== one.bgpTimerConfiguredHoldTimeMsecs)) {
    return "former timers";
  }
  const settled =
    route.trim() !== "" &&
    established.some(({ bgpTimerUpMsec }) => old(bgpTimerUpMsec)) &&
    bfdPeers.parse(JSON.parse(bfd)).every(({ status, uptime = 0 }) => status === "up" && old(uptime * 1000));
  return settled ? "settled" : "unsettled";
}

/**
 * Waits until the link is as its settings want it. BGP agrees on its timers when a session begins, so changed ones are brought
 * into force by beginning another.
 * @param slowdown How many times slower than this computer's the machines' time runs.
 */
export async function settle({ gateways }: BenchLab, signal: AbortSignal, slowdown = 1): Promise<void> {
  let cleared = false;
  await poll(
    "BFD and BGP are up on both gateways",
    async () => {
      const sides = await Promise.all(siteNames.map((site) => sideOf(gateways[site], site)));
      if (!cleared && sides.includes("former timers")) {
        await run(gateways.la, "vtysh -c 'clear bgp *'");
        cleared = true;
      }
      return sides.every((side) => side === "settled") ? true : undefined;
    },
    settleDeadlineMs * slowdown,
    signal,
  );
}

/**
 * The same where machines just booted: their daemons don't answer yet, and sessions with them are new each time.
 * @throws Error with what was seen last.
 */
export async function settleAfterBoot(signal: AbortSignal, slowdown = 1): Promise<void> {
  let last = "nothing was seen of it";
  const isWell = async (): Promise<true | undefined> => {
    try {
      await withBenchLab((lab) => settle(lab, signal, slowdown));
      return true;
    } catch (error) {
      signal.throwIfAborted();
      last = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  };
  await poll("the link is up", isWell, settleDeadlineMs * slowdown, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new Error(`the link isn't well again: ${last}`, { cause: error });
  });
}
