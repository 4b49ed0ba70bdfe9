import { setTimeout as sleep } from "node:timers/promises";
import { everything } from "../drills/faults";
import { clockOffsets } from "../lab/clocks";
import { peerOf, type SiteName, siteNames, sites } from "../lab/network/plan";
import type { BenchLab } from "./lab";
import { answeredWithin, backAfter, parseAnswers, pingInterval } from "./pings";
import { poll } from "./polling";
import { lostAfter, parseRouteMonitor } from "./routes";
import { settle } from "./settling";
import { type Watcher, watch } from "./watcher";

/** What became of the link when its whole path was cut. All times by the clock of `wan`. */
export interface Cut {
  /** From the cut to its end, in seconds. */
  readonly lasted: number;
  /** From the cut until the kernel lost BGP's route, in seconds, for each gateway that did before the path was healed. */
  readonly detected: readonly number[];
  /** From the end of the cut until the clients' traffic flowed again, in seconds. */
  readonly back: number;
  /** What each gateway's clock was behind that of `wan` and has been added to its times, in ms. */
  readonly offsetsMs: Readonly<Record<SiteName, number>>;
}

/** Longest wait for traffic after a cut: one that comes back later is reported as a failure, not as a figure. */
const backDeadlineMs = 400_000;

/** The last answers may still have been under way when the path was cut. */
const underwaySeconds = 1;

/**
 * Cuts the whole path while clients send pings across and both gateways note what happens to their routes.
 * @param end How many seconds it lasts, or `detected`: until both gateways have lost their routes.
 * @param detectionDeadlineMs How long to wait for that.
 */
export async function cutOnce(
  lab: BenchLab,
  end: number | "detected",
  signal: AbortSignal,
  detectionDeadlineMs = 0,
): Promise<Cut> {
  await settle(lab, signal);
  const offsetsMs = await clockOffsets();
  const watchers: Watcher[] = [];
  const started = async (starting: Promise<Watcher>): Promise<Watcher> => {
    const watcher = await starting;
    watchers.push(watcher);
    return watcher;
  };
  try {
    const routes = {
      la: await started(watch(lab.gateways.la, "ip -ts monitor route")),
      sg: await started(watch(lab.gateways.sg, "ip -ts monitor route")),
    };
    const ping = `ip netns exec client-la ping -n -D -i ${pingInterval} ${sites.sg.client}`;
    const pings = await started(watch(lab.wan, ping));
    const answers = async () => parseAnswers(await pings.read());
    const lossOf = async (site: SiteName, cutAt: number): Promise<number | undefined> => {
      const behind = offsetsMs[site] / 1000;
      const events = parseRouteMonitor(await routes[site].read(), sites[peerOf(site)].cidr);
      const lost = lostAfter(events, cutAt - behind);
      return lost === undefined ? undefined : lost + behind - cutAt;
    };
    const losses = async (cutAt: number): Promise<number[]> =>
      (await Promise.all(siteNames.map((site) => lossOf(site, cutAt)))).filter((one) => one !== undefined);

    await poll("clients reach each other", async () => backAfter(await answers(), 0), 30_000, signal);
    const cutAt = await lab.ocean.cut(everything);
    if (end === "detected") {
      const both = async () => ((await losses(cutAt)).length === siteNames.length ? true : undefined);
      await poll("both gateways lose their routes", both, detectionDeadlineMs, signal);
    } else {
      await sleep(end * 1000, undefined, { signal });
    }
    const healedAt = await lab.ocean.heal();
    const detected = (await losses(cutAt)).filter((one) => one < healedAt - cutAt);
    const back = await poll(
      "traffic flows again",
      async () => backAfter(await answers(), healedAt),
      backDeadlineMs,
      signal,
    );
    if (answeredWithin(await answers(), cutAt + underwaySeconds, healedAt) > 0)
      throw new Error("pings were answered while the path was cut: the cut was none");
    return { lasted: healedAt - cutAt, detected, back: back - healedAt, offsetsMs };
  } finally {
    // A machine that is gone takes its watcher with it.
    await Promise.allSettled(watchers.map((watcher) => watcher.stop()));
  }
}
