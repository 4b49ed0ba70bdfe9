import type { Direction, Fault } from "../drills/faults";
import type { Session } from "../providers/ssh/session";
import { type SiteName, sites, uplinkDevice } from "./network/plan";
import { type TransitClass, transitClasses } from "./network/rules";
import { type LabPaths, labPaths } from "./paths";
import { changed, netemArguments, type OceanChange, parseWater, type Water } from "./network/water";
import { openSession, run } from "./sessions";
import { readState, writeState } from "./state";

/** The seed project's figure for Los Angeles to Singapore: the lab's default. */
export const defaultRttMs = 84;

/** How far from its target a calibrated median may be, in ms. */
export const calibrationToleranceMs = 1;

/** Oceans by name. `seed` is what the seed project states, `real` what GCP measures between the two regions. */
export const presets: Readonly<Record<string, Required<Omit<OceanChange, "direction">>>> = {
  default: { rttMs: defaultRttMs, jitterMs: 0, lossPercent: 0, reorder: false },
  seed: { rttMs: defaultRttMs, jitterMs: 3, lossPercent: 0, reorder: false },
  real: { rttMs: 160, jitterMs: 0, lossPercent: 0, reorder: false },
};

/** Packets and bytes that crossed the ocean since the machine `wan` booted. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/**
 * Counters by class. `private` counts what was dropped on the Internet because an end of it was private; `leak` what a
 * gateway sent in clear towards a private address outside its site, dropped by its cloud.
 */
export type Counters = Readonly<Record<TransitClass | "leak", Count>>;

/** A controlled cut, in seconds since 1970 by the clock of `wan`, which the gateways' clocks follow. */
export interface CutTimes {
  readonly cutAt: number;
  readonly healedAt: number;
}

const directions: readonly Direction[] = ["la-sg", "sg-la"];

// netem shapes what leaves a device, so a direction is the uplink of the site that it leads to.
function deviceOf(direction: Direction): string {
  return uplinkDevice(direction.slice(3) as SiteName);
}

/** Reads each direction's state. */
export async function readOcean(wan: Session): Promise<Record<Direction, Water>> {
  const [toSg, toLa] = (
    await run(
      wan,
      directions.map((direction) => `tc -j qdisc show dev ${deviceOf(direction)}`).join("; echo; "),
    )
  )
    .trim()
    .split(/\n\s*\n|\n(?=\[)/);
  return { "la-sg": parseWater(toSg ?? "[]"), "sg-la": parseWater(toLa ?? "[]") };
}

/** Changes the ocean while it runs. No packet that is under way is lost. */
export async function setOcean(wan: Session, change: OceanChange, baseRttMs: number): Promise<void> {
  const now = await readOcean(wan);
  const wanted = change.direction ? [change.direction] : directions;
  const commands = wanted.map(
    (direction) =>
      `tc qdisc replace dev ${deviceOf(direction)} root ${netemArguments(changed(now[direction], change, baseRttMs))}`,
  );
  await run(wan, commands.join(" && "));
}

function addRules(fault: Fault): string {
  return fault.matches
    .map((match) => `add rule ip ocean cut ${match} counter drop comment "${fault.name}"\n`)
    .join("");
}

/**
 * Makes a fault happen, in one transaction of the kernel's. Faults add up until `heal`.
 * @returns when, in seconds since 1970 by the clock of `wan`.
 */
export async function cut(wan: Session, fault: Fault): Promise<number> {
  return Number(await run(wan, "nft -f - && echo $EPOCHREALTIME", { stdin: addRules(fault) }));
}

/**
 * Makes these faults be in force and no others, in one transaction of the kernel's.
 * @returns when, in seconds since 1970 by the clock of `wan`.
 */
export async function force(wan: Session, faults: readonly Fault[]): Promise<number> {
  const rules = `flush chain ip ocean cut\n${faults.map(addRules).join("")}`;
  return Number(await run(wan, "nft -f - && echo $EPOCHREALTIME", { stdin: rules }));
}

/** Ends all faults. @returns when, in seconds since 1970 by the clock of `wan`. */
export async function heal(wan: Session): Promise<number> {
  return Number(await run(wan, "nft flush chain ip ocean cut && echo $EPOCHREALTIME"));
}

/** Makes a fault happen for a time that `wan` itself keeps, free of what SSH takes, and ends all faults after it. */
export async function cutFor(wan: Session, fault: Fault, seconds: number): Promise<CutTimes> {
  const script = `nft -f - && echo $EPOCHREALTIME && sleep ${seconds}; nft flush chain ip ocean cut && echo $EPOCHREALTIME`;
  const said = await run(wan, script, { stdin: addRules(fault), timeoutMs: seconds * 1000 + 60_000 });
  const [cutAt, healedAt] = said.trim().split("\n").map(Number);
  if (cutAt === undefined || healedAt === undefined)
    throw new Error(`the fault ${fault.name} was not accepted`);
  return { cutAt, healedAt };
}

/** Names of the faults that are in force. */
export async function readFaults(wan: Session): Promise<string[]> {
  const rules = await run(wan, "nft list chain ip ocean cut");
  return [...new Set([...rules.matchAll(/comment "([^"]*)"/g)].map((found) => found[1] ?? ""))];
}

/** Reads the ocean's counters. */
export async function readCounters(wan: Session): Promise<Counters> {
  const listing = await run(
    wan,
    "nft list counters table ip ocean; for vpc in vpc-la vpc-sg; do ip netns exec $vpc nft list counters table ip vpc; done",
  );
  const counters = new Map<string, Count>();
  for (const [, name, packets, bytes] of listing.matchAll(/counter (\w+) \{\s+packets (\d+) bytes (\d+)/g)) {
    const sum = counters.get(name!) ?? { packets: 0, bytes: 0 };
    counters.set(name!, { packets: sum.packets + Number(packets), bytes: sum.bytes + Number(bytes) });
  }
  const none: Count = { packets: 0, bytes: 0 };
  const pairs = transitClasses.map((name) => [name, counters.get(`seen_${name}`) ?? none] as const);
  return Object.fromEntries([...pairs, ["leak", counters.get("leak") ?? none]]) as Counters;
}

/** Sixty probes take 12 s when none is answered, and a machine's time may be slowed 16 times. */
const pingTimeoutMs = 240_000;

/**
 * Measures the underlay's round trip between the sites' public addresses.
 * @returns every answered probe's round trip in ms, in the order in which they were sent.
 */
export async function measureUnderlay(la: Session, probes = 60, intervalMs = 25): Promise<number[]> {
  // The first packets after a quiet time are slow, most of all on an emulated processor.
  const warm = 10;
  const ping = `ping -n -c ${probes + warm} -i ${intervalMs / 1000} ${sites.sg.publicGateway}`;
  const { stdout } = await la.exec(ping, { timeoutMs: pingTimeoutMs });
  return [...stdout.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms/g)]
    .filter((found) => Number(found[1]) > warm)
    .map((found) => Number(found[2]));
}

/** @throws Error when nothing was measured. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined)
    throw new Error("the gateways' public addresses do not answer each other's pings");
  return middle;
}

/** What a calibration found. */
export interface Calibration {
  /** Median round trip when the ocean adds nothing, in ms. */
  readonly baseRttMs: number;
  /** Median round trip at the target, in ms. */
  readonly rttMs: number;
}

/** Rounds of a calibration, at most. On a quiet host the first or second settles. */
const calibrationRounds = 8;

/**
 * Finds how much delay makes the underlay's median round trip the target, and leaves the ocean there, calm. On a host too busy
 * to settle, the closest round counts; its `rttMs` tells.
 * @throws Error when the gateways' public addresses do not answer each other.
 */
export async function calibrate(la: Session, wan: Session, targetMs = defaultRttMs): Promise<Calibration> {
  const calm = presets["default"]!;
  await setOcean(wan, { ...calm, rttMs: 0 }, 0);
  let baseRttMs = median(await measureUnderlay(la));
  let best: Calibration | undefined;
  const distance = (one: Calibration): number => Math.abs(one.rttMs - targetMs);
  for (let round = 0; round < calibrationRounds; round++) {
    await setOcean(wan, { ...calm, rttMs: targetMs }, baseRttMs);
    const found = { baseRttMs, rttMs: median(await measureUnderlay(la)) };
    if (!best || distance(found) < distance(best)) best = found;
    if (distance(found) <= calibrationToleranceMs / 2) return found;
    // Half of the difference: the rest may be the noise of this round.
    baseRttMs += (found.rttMs - targetMs) / 2;
  }
  await setOcean(wan, { ...calm, rttMs: targetMs }, best!.baseRttMs);
  return best!;
}

/** The ocean of a running lab. */
export interface Ocean {
  /** @throws Error when the lab was never calibrated. */
  set(change: OceanChange): Promise<void>;
  calibrate(targetMs?: number): Promise<Calibration>;
  cut(fault: Fault): Promise<number>;
  cutFor(fault: Fault, seconds: number): Promise<CutTimes>;
  force(faults: readonly Fault[]): Promise<number>;
  heal(): Promise<number>;
  faults(): Promise<string[]>;
  read(): Promise<Record<Direction, Water>>;
  counters(): Promise<Counters>;
  /** Median round trip of the underlay in ms. */
  rtt(): Promise<number>;
  close(): void;
}

/** Opens sessions to the machines that make and measure the ocean. @throws SshError */
export async function openOcean(paths: LabPaths = labPaths()): Promise<Ocean> {
  const wan = await openSession("wan", { paths });
  const la = await openSession("la", { paths }).catch((error: unknown) => {
    wan.close();
    throw error;
  });
  return {
    set: async (change) => {
      const { baseRttMs } = readState(paths);
      if (baseRttMs === undefined) throw new Error("the ocean was never calibrated: run `npm run lab -- up`");
      await setOcean(wan, change, baseRttMs);
    },
    calibrate: async (targetMs) => {
      const calibration = await calibrate(la, wan, targetMs);
      writeState(paths, { ...readState(paths), baseRttMs: calibration.baseRttMs });
      return calibration;
    },
    cut: (fault) => cut(wan, fault),
    cutFor: (fault, seconds) => cutFor(wan, fault, seconds),
    force: (faults) => force(wan, faults),
    heal: () => heal(wan),
    faults: () => readFaults(wan),
    read: () => readOcean(wan),
    counters: () => readCounters(wan),
    rtt: async () => median(await measureUnderlay(la)),
    close: () => {
      la.close();
      wan.close();
    },
  };
}
