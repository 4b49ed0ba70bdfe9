import type { Direction } from "../../drills/faults";

/** What a direction of the ocean does to packets. */
export interface Water {
  /** One-way delay that netem adds, in ms. */
  readonly delayMs: number;
  /** Standard deviation of the delay in ms. */
  readonly jitterMs: number;
  /** Share of packets lost at random, 0 to 100. */
  readonly lossPercent: number;
  /** Whether jitter may let packets overtake each other. */
  readonly reorder: boolean;
}

/** A change of the ocean. What is left out stays as it is. */
export interface OceanChange {
  /** Round trip of the underlay in ms. Half of it goes each way; a change of one direction alters that half alone. */
  readonly rttMs?: number;
  /** Standard deviation of the round trip in ms; each direction gets 1/√2 of it. */
  readonly jitterMs?: number;
  /** Packets lost in percent, in each direction that the change is for. */
  readonly lossPercent?: number;
  readonly reorder?: boolean;
  /** @default both */
  readonly direction?: Direction;
}

/**
 * The arguments of `tc qdisc replace dev <device> root`. With a rate set, netem counts a packet's delay from the moment
 * the one before it leaves, so jitter does not reorder; at 10 Gbit/s the rate itself adds a microsecond. The rate is always
 * named, because netem keeps a former one that is not.
 */
export function netemArguments(water: Water): string {
  const jitter = water.jitterMs > 0 ? ` ${water.jitterMs.toFixed(3)}ms distribution normal` : "";
  const loss = water.lossPercent > 0 ? ` loss ${water.lossPercent}%` : "";
  return `netem limit 10000 delay ${water.delayMs.toFixed(3)}ms${jitter}${loss} rate ${water.reorder ? "0bit" : "10gbit"}`;
}

/** What one direction becomes through a change. @param baseRttMs Round trip when the ocean adds nothing. */
export function changed(water: Water, change: OceanChange, baseRttMs: number): Water {
  return {
    delayMs: change.rttMs === undefined ? water.delayMs : Math.max(0, (change.rttMs - baseRttMs) / 2),
    jitterMs: change.jitterMs === undefined ? water.jitterMs : change.jitterMs / Math.SQRT2,
    lossPercent: change.lossPercent ?? water.lossPercent,
    reorder: change.reorder ?? water.reorder,
  };
}

interface NetemReport {
  readonly kind: string;
  readonly options: {
    readonly delay?: { readonly delay: number; readonly jitter: number };
    readonly "loss-random"?: { readonly loss: number };
    readonly rate?: unknown;
  };
}

/** Reads what `tc -j qdisc show dev …` says. */
export function parseWater(json: string): Water {
  const netem = (JSON.parse(json) as NetemReport[]).find(({ kind }) => kind === "netem");
  return {
    delayMs: (netem?.options.delay?.delay ?? 0) * 1000,
    jitterMs: (netem?.options.delay?.jitter ?? 0) * 1000,
    lossPercent: (netem?.options["loss-random"]?.loss ?? 0) * 100,
    reorder: netem !== undefined && netem.options.rate === undefined,
  };
}
