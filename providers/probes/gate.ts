import { isDeepStrictEqual } from "node:util";
import { SshError } from "../ssh/session";
import type { ProviderLogic } from "../dynamic";
import { linkFactsSchema, type LinkFacts } from "./facts";
import {
  closeSessions,
  lookAtBoth,
  measure,
  openSessions,
  realWorld,
  type Sessions,
  type States,
  type World,
} from "./measure";
import type { HostView } from "./observation";
import { siteOutOfService } from "./service";
import { explain, judge, type LinkReport, type LinkState } from "./verdict";

/** What the gate is given. Read by the provider process, so everything is plain JSON. */
export interface GateInputs {
  /** A secret: it holds the gateways' SSH keys. */
  readonly link: LinkFacts;
  /** Stands for the link's configuration: when it changes, the link is measured again. */
  readonly fingerprint: string;
  /** `always` measures at every deployment, and shows as a change of this resource in every preview. */
  readonly measure: "onChange" | "always";
  readonly probes: number;
  readonly intervalMs: number;
  readonly deadlineSeconds: number;
}

/**
 * What the gate stores. The inputs are among it, because `read` and `diff` are given nothing else. While a site is out of
 * service, the figures are those of the last measurement.
 */
export interface GateOutputs extends GateInputs, Omit<LinkReport, "state" | "diagnosis"> {
  readonly verdict: LinkState;
  /** The diagnosis in words; empty when the verdict is `up` or `outOfService`. */
  readonly diagnosis: string;
  /** When the stored figures were taken, ISO 8601; empty when they never were. */
  readonly measuredAt: string;
}

/** The figures of a link that has never been measured. */
const NEVER_MEASURED: Omit<GateOutputs, keyof GateInputs | "verdict" | "diagnosis"> = {
  rttMs: null,
  lossPercent: 100,
  underlayRttMs: null,
  underlayLossPercent: 100,
  bfd: "unknown",
  bgp: "unknown",
  encrypted: false,
  mtu: null,
  measuredAt: "",
};

function isAlone({ link }: Pick<GateInputs, "link">): boolean {
  return siteOutOfService(link.initiator, link.responder) !== undefined;
}

/** Between looks at a link that is not ready yet, ms. */
const POLL_MS = 1_000;

/** How far the median may drift before `read` reports new figures: less is weather. */
const DRIFT = 0.1;

/** Failures of a connection that no waiting mends. */
const FINAL = new Set(["host-key-mismatch", "authentication"]);

function stillView(host: string, state: States["initiator"]): HostView {
  return state instanceof Error ? { host, unreachable: state } : { host, before: state, after: state };
}

function isReady(link: LinkFacts, states: States): boolean {
  const { state } = judge(link, {
    initiator: stillView(link.initiator.host, states.initiator),
    responder: stillView(link.responder.host, states.responder),
  });
  return state !== "down";
}

/** Looks at both gateways until their sessions are up or the deadline has passed, and returns the last look. */
async function awaitReady(
  { link, deadlineSeconds }: GateInputs,
  world: World,
): Promise<{ sessions: Sessions; states: States }> {
  const deadline = world.now() + deadlineSeconds * 1000;
  let sessions = await openSessions(link, world);
  for (;;) {
    const states = await lookAtBoth(link, sessions);
    const failures = Object.values(states).filter((state) => state instanceof SshError);
    const hopeless = failures.some(({ failure }) => FINAL.has(failure));
    if (hopeless || isReady(link, states) || world.now() + POLL_MS > deadline) return { sessions, states };
    await world.sleep(POLL_MS);
    if (failures.length > 0) {
      closeSessions(sessions);
      sessions = await openSessions(link, world);
    }
  }
}

function outputs(inputs: GateInputs, report: LinkReport, measuredAt: string): GateOutputs {
  const { state, diagnosis, ...figures } = report;
  return { ...inputs, ...figures, verdict: state, diagnosis: explain(diagnosis), measuredAt };
}

/**
 * Waits for the link, measures it, and lets the deployment pass or fail. While a site is out of service it passes unmeasured.
 * @param stored What was stored before, whose figures are kept then.
 * @throws Error with the diagnosis when the link is not healthy within the deadline.
 */
export async function passGate(
  inputs: GateInputs,
  world: World = realWorld,
  stored?: GateOutputs,
): Promise<GateOutputs> {
  const link = linkFactsSchema.parse(inputs.link);
  if (isAlone({ link })) {
    return { ...NEVER_MEASURED, ...stored, ...inputs, verdict: "outOfService", diagnosis: "" };
  }
  const { sessions, states } = await awaitReady(inputs, world);
  let report: LinkReport;
  try {
    report = judge(link, await measure(link, sessions, inputs, states));
  } finally {
    closeSessions(sessions);
  }
  if (report.state !== "up") {
    throw new Error(`The link ${link.name} is ${report.state}.\n${explain(report.diagnosis)}`);
  }
  return outputs(inputs, report, new Date().toISOString());
}

function drifted(before: LinkReport["rttMs"], after: LinkReport["rttMs"]): boolean {
  if (!before || !after) return before !== after;
  return Math.abs(after.p50 - before.p50) > DRIFT * before.p50;
}

/** Looks at a deployed link without judging the deployment: the stored figures stay unless they became wrong. */
export async function refreshGate(stored: GateOutputs, world: World = realWorld): Promise<GateOutputs> {
  if (isAlone(stored)) return stored;
  const sessions = await openSessions(stored.link, world);
  try {
    const report = judge(stored.link, await measure(stored.link, sessions, stored));
    if (report.state === stored.verdict && !drifted(stored.rttMs, report.rttMs)) return stored;
    return { ...stored, ...outputs(stored, report, new Date().toISOString()) };
  } finally {
    closeSessions(sessions);
  }
}

/** Whether a deployment has to measure: new configuration or connection, on request, or because the link was not up. */
export function mustMeasure(stored: GateOutputs, inputs: GateInputs): boolean {
  const changed = (["link", "fingerprint", "probes", "intervalMs"] as const).some(
    (key) => !isDeepStrictEqual(stored[key], inputs[key]),
  );
  if (isAlone(inputs)) return changed || stored.verdict !== "outOfService";
  return changed || inputs.measure === "always" || stored.verdict !== "up";
}

/**
 * What `read` found in this process, by id, until the next `diff`. A refresh reads and then asks `diff` whether the
 * program would change what was read; the question is the same as a deployment's. Without this memory a refresh of a
 * link that is always measured would never be clean, and one whose median moved would pass for unchanged.
 */
const readings = new Map<string, "same" | "changed">();

/** The life of a TunnelRtt resource. */
export const logic: ProviderLogic<GateInputs, GateOutputs> = {
  diff: async (id, olds, news) => {
    const reading = readings.get(id);
    readings.delete(id);
    return { changes: reading ? reading === "changed" : mustMeasure(olds, news) };
  },
  create: async (inputs) => ({ id: inputs.link.name, outs: await passGate(inputs) }),
  update: async (_id, olds, news) => ({ outs: await passGate(news, realWorld, olds) }),
  read: async (id, stored) => {
    const props = await refreshGate(stored);
    // The engine shows it; a refresh itself would only say that the verdict changed.
    if (props.verdict === "down") console.error(`The link ${props.link.name} is down.\n${props.diagnosis}`);
    readings.set(id, props === stored ? "same" : "changed");
    return { id, props };
  },
  delete: async () => undefined,
};
