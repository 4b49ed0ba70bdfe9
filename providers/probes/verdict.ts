import type { LinkFacts } from "./facts";
import { diagnose, type Evidence, type Failure, type Layer } from "./layers";
import type { HostState, HostView, Measurement, Ping } from "./observation";
import { siteOutOfService } from "./service";
import { lossPercent, summarise, type RttSummary } from "./statistics";

/**
 * `down` carries nothing, or not as it must; `degraded` carries traffic outside its limits; `outOfService` has an end whose
 * site is out of service, and isn't judged.
 */
export type LinkState = "up" | "degraded" | "down" | "outOfService";

/** What one measurement says about a link. */
export interface LinkReport {
  readonly state: LinkState;
  /** Over the link, ms; null when no probe was answered. */
  readonly rttMs: RttSummary | null;
  readonly lossPercent: number;
  /** Between the public addresses, beside the link. */
  readonly underlayRttMs: RttSummary | null;
  readonly underlayLossPercent: number;
  /** BFD as the worse end sees it; `off` when the link runs without it, `unknown` when an end cannot be asked. */
  readonly bfd: string;
  /** BGP as the worse end sees it, in lower case, e.g. `established`. */
  readonly bgp: string;
  /** Proven: the burst left both gateways as ESP in UDP, and nothing left in the clear. */
  readonly encrypted: boolean;
  /** The MTU that was proven by packets of that size, bytes; null when they did not pass. */
  readonly mtu: number | null;
  /** What is wrong, lowest layer first: the first is the cause. Empty when the link is up, or not judged. */
  readonly diagnosis: readonly Failure[];
}

/** Layers whose failure leaves the link in use. */
const QUALITY: readonly Layer[] = ["MTU", "RTT", "loss"];

function lossOf(ping: Ping | undefined): number {
  return ping ? lossPercent(ping.sent, ping.rttsMs.length) : 100;
}

/** The state that both ends give a session, or the one that is not the good one. */
function worse(views: readonly HostView[], good: string, session: (state: HostState) => string): string {
  const states = views.map((view) => (view.unreachable ? "unknown" : session(view.after)));
  return states.find((state) => state !== good) ?? good;
}

/** Judges a measurement by the link's budget and limits. */
export function judge(facts: LinkFacts, measurement: Measurement): LinkReport {
  const { burst, initiator, responder } = measurement;
  const evidence: Evidence = {
    facts,
    measurement,
    rttMs: summarise(burst?.tunnel.rttsMs ?? []),
    lossPercent: lossOf(burst?.tunnel),
    underlayRttMs: summarise(burst?.underlay.rttsMs ?? []),
    underlayLossPercent: lossOf(burst?.underlay),
  };
  const judged = siteOutOfService(facts.initiator, facts.responder) === undefined;
  const diagnosis = judged ? diagnose(evidence) : [];
  const layers = new Set(diagnosis.map(({ layer }) => layer));
  const views = [initiator, responder];
  const down = [...layers].some((layer) => !QUALITY.includes(layer));
  return {
    state: !judged ? "outOfService" : down ? "down" : layers.size > 0 ? "degraded" : "up",
    rttMs: evidence.rttMs ?? null,
    lossPercent: evidence.lossPercent,
    underlayRttMs: evidence.underlayRttMs ?? null,
    underlayLossPercent: evidence.underlayLossPercent,
    bfd: facts.bfd ? worse(views, "up", (state) => state.bfd?.status ?? "down") : "off",
    bgp: worse(views, "established", (state) => state.bgp?.state.toLowerCase() ?? "down"),
    encrypted:
      evidence.rttMs !== undefined && !layers.has("host") && !layers.has("IKE") && !layers.has("ESP"),
    mtu: burst?.atMtuPasses && !layers.has("MTU") ? facts.mtu : null,
    diagnosis,
  };
}

/** The diagnosis as text: the cause, what to do, and what follows from it. */
export function explain(diagnosis: readonly Failure<string>[]): string {
  return diagnosis
    .map(({ layer, seen, try: advice }, index) => {
      const label = layer === "host" ? "host unreachable" : layer;
      return `${index === 0 ? "At fault" : "Also"}: ${label}. ${seen}.\n  Try: ${advice}.`;
    })
    .join("\n");
}
