import { drillsNamed } from "../drills/catalogue";
import { LabStand } from "../drills/lab/stand";
import type { Drill } from "../drills/model";
import type { DrillResult } from "../drills/report";
import { runDrill } from "../drills/run";
import { labPaths } from "../lab/paths";
import type { Overrides } from "../lab/settings";
import { step } from "../toolchain/steps";
import { type Bound, type Figure, figure, type Unit } from "./figure";
import { withBenchLab } from "./lab";
import { apply, type LinkResult } from "./link";

/** BGP's timers as FRR and managed VPNs default to: what a link without BFD is left with. */
const defaultTimers = { keepaliveSeconds: 60, holdSeconds: 180, connectRetrySeconds: 120 };

/** A figure of a drill whose distribution is wanted. */
export interface Wanted {
  readonly drill: string;
  /** Its name among the drill's figures. */
  readonly figure: string;
  readonly name: string;
  /** Whether it is measured without BFD too. */
  readonly baseline: boolean;
}

/** VRRP's adverts of the profile that takes over within two seconds. */
const fastAdvertSeconds = 0.3;
const fastTakeover: Bound = { of: "max", atMost: 2_000 };
const addressAnswers: Wanted = {
  drill: "kill-primary",
  figure: "fault → service address",
  name: "primary dies → service address",
  baseline: true,
};
const databaseAnswers: Wanted = {
  drill: "kill-primary",
  figure: "fault → database there",
  name: "primary dies → database there",
  baseline: true,
};

/** What is promised of failover, from docs/failover.md. */
export const wanted: readonly Wanted[] = [
  { drill: "cut-tunnel", figure: "fault → other site", name: "tunnel cut → backup path", baseline: true },
  { drill: "cut-tunnel", figure: "heal → tunnel", name: "heal → tunnel", baseline: true },
  addressAnswers,
  databaseAnswers,
  { drill: "switchover", figure: "failed requests", name: "switchover, failed requests", baseline: false },
];

/**
 * Puts the figures of several runs of drills together.
 * @param suffix Goes after the names.
 * @param bounds What is promised in place of the drill's own bounds; none for figures that stand for comparison.
 * @throws Error when a run did not see what is wanted: a distribution without its worst value is none.
 */
export function distributions(
  results: readonly DrillResult[],
  wanted: readonly Wanted[],
  suffix = "",
  bounds?: readonly Bound[],
): Figure[] {
  return wanted.map((one) => {
    const runs = results.filter(({ name }) => name === one.drill);
    const found = runs.map(({ figures }) => figures.find(({ name }) => name.trim() === one.figure));
    const blind = runs.filter((_, index) => found[index] === undefined);
    if (blind.length > 0)
      throw new Error(`${one.drill}: ${blind.length} of ${runs.length} runs saw no "${one.figure}"`);
    const unit: Unit = found[0]?.unit ?? "ms";
    const values = found.map((each) => each!.distribution.max);
    return figure(`${one.name}${suffix}`, unit, values, bounds ?? found[0]?.bounds ?? []);
  });
}

function drillsOf(some: readonly Wanted[]): Drill[] {
  return [...new Set(some.map(({ drill }) => drill))].flatMap(drillsNamed);
}

const say = (line: string): void => void process.stderr.write(`  ${line}\n`);

/** @param open Opens the lab for a run; `again` after another. None of these drills destroys a disk. */
async function runs(
  drills: readonly Drill[],
  count: number,
  open: (again: boolean) => Promise<LabStand>,
  signal: AbortSignal,
): Promise<DrillResult[]> {
  const results: DrillResult[] = [];
  for (const drill of drills) {
    for (let run = 1; run <= count; run++) {
      await step(`${drill.name}, run ${run} of ${count}`, {}, async () => {
        const stand = await open(results.length > 0);
        try {
          const result = await runDrill(drill, stand, signal, say);
          results.push(result);
          // It takes more than an hour in all: whoever ends it early has seen something.
          for (const one of result.figures) say(`${one.name.trim()}: ${one.distribution.max} ${one.unit}`);
        } finally {
          stand.close();
        }
      });
    }
  }
  return results;
}

/** Broken promises and failed drills, which no distribution shows. */
function notes(results: readonly DrillResult[]): string[] {
  return results.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`));
}

/** Runs the drills of the figures that are promised several times, then with fast adverts, then without BFD. */
export async function benchFailover(count: number, signal: AbortSignal): Promise<LinkResult> {
  const paths = labPaths();
  await LabStand.undoLeftovers(paths, say);
  const asDeployed = (): Promise<LabStand> => LabStand.asDeployed(paths);
  const deploy = async (what: string, overrides: Overrides): Promise<void> => {
    await withBenchLab((lab) => apply(lab, what, overrides, signal));
  };
  const usual = await runs(
    drillsOf(wanted),
    count,
    // They leave the lab as it was: going back to the snapshot each time would only take time.
    (again) => (again ? asDeployed() : LabStand.healthy(paths)),
    signal,
  );
  await deploy(`adverts of ${fastAdvertSeconds} s`, { "ha.advertIntervalSeconds": fastAdvertSeconds });
  const fast = await runs(drillsOf([addressAnswers]), count, asDeployed, signal);
  const baseline = wanted.filter((one) => one.baseline);
  await deploy("bfd: off", { "link.bfd": "off", "link.bgp": defaultTimers });
  const unwatched = await runs(drillsOf(baseline), count, asDeployed, signal);
  return {
    figures: [
      ...distributions(usual, wanted),
      ...distributions(fast, [addressAnswers], `, adverts of ${fastAdvertSeconds} s`, [fastTakeover]),
      ...distributions(fast, [databaseAnswers], `, adverts of ${fastAdvertSeconds} s`),
      ...distributions(unwatched, baseline, ", bfd: off", []),
    ],
    notes: [
      ...notes(usual),
      ...notes(fast),
      `bfd: off runs with BGP's keepalive ${defaultTimers.keepaliveSeconds} s and hold ${defaultTimers.holdSeconds} s`,
    ],
  };
}
