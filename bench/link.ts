import { type Calibration, presets } from "../lab/ocean";
import { linkAlone, type Overrides } from "../lab/settings";
import { step } from "../toolchain/steps";
import { type Cut, cutOnce } from "./cuts";
import {
  type Deployment,
  firstFigures,
  mustPulumi,
  timed,
  unchangedFigures,
  upArguments,
} from "./deployments";
import { type Bound, type Figure, figure, ratio } from "./figure";
import type { BenchLab } from "./lab";
import { roundTrips } from "./roundTrips";
import { settle } from "./settling";

export interface LinkOptions {
  /** Deployments without changes, and cuts of 10 s. */
  readonly runs: number;
  /** Leave the longest cut out, and compare with shorter BGP timers. */
  readonly quick: boolean;
}

/** What `npm run bench -- link --json` prints, beside whether the bounds hold. */
export interface LinkResult {
  readonly figures: readonly Figure[];
  /** What must be known to read the figures. */
  readonly notes: readonly string[];
}

/** BFD as production has it; the lab's own default is slower, because emulated processors stall. */
const bfd = { intervalMs: 300, multiplier: 3 };

const detectionBound: Bound = { of: "p50", atMost: 1.2 };
const shortCutSeconds = 10;
const backBounds: readonly Bound[] = [
  { of: "p50", atMost: 3 },
  { of: "max", atMost: 5 },
];
const longBackBound: Bound = { of: "max", atMost: 15 };

/** BGP's own timers as FRR and managed VPNs default to; the quick ones are what Google's HA VPN has. */
const defaultTimers = { keepaliveSeconds: 60, holdSeconds: 180, connectRetrySeconds: 120 };
const quickTimers = { keepaliveSeconds: 20, holdSeconds: 60, connectRetrySeconds: 120 };

/** Brings settings into force and waits until the link runs by them. */
export async function apply(
  lab: BenchLab,
  what: string,
  overrides: Overrides,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await step(`deploy with ${what}`, {}, async () => {
    await mustPulumi(upArguments, overrides);
    await settle(lab, signal);
  });
}

async function deployments(lab: BenchLab, runs: number, signal: AbortSignal): Promise<Figure[]> {
  const unchanged = await step("pulumi up without changes", {}, async ({ progress }) => {
    const done: Deployment[] = [];
    while (done.length < runs) {
      progress(`run ${done.length + 1} of ${runs}`);
      signal.throwIfAborted();
      done.push(await timed(lab, [...upArguments, "--expect-no-changes"], linkAlone));
    }
    return done;
  });
  const first = await step("first pulumi up", {}, async ({ progress }) => {
    progress("pulumi destroy");
    await mustPulumi(["destroy", "--yes", "--skip-preview"]);
    signal.throwIfAborted();
    progress("pulumi up");
    return timed(lab, upArguments, linkAlone);
  });
  return [...unchangedFigures(unchanged), ...firstFigures(first)];
}

async function cuts(lab: BenchLab, seconds: number, runs: number, signal: AbortSignal): Promise<Cut[]> {
  return step(`cuts of ${seconds} s`, {}, async ({ progress }) => {
    const done: Cut[] = [];
    while (done.length < runs) {
      progress(`run ${done.length + 1} of ${runs}`);
      done.push(await cutOnce(lab, seconds, signal));
    }
    return done;
  });
}

function backFigure(name: string, found: readonly Cut[], bounds: readonly Bound[] = []): Figure {
  return figure(
    name,
    "s",
    found.map(({ back }) => back),
    bounds,
  );
}

function detectionFigure(name: string, found: readonly Cut[], bounds: readonly Bound[] = []): Figure {
  return figure(
    name,
    "s",
    found.flatMap(({ detected }) => detected),
    bounds,
  );
}

function clockNote(found: readonly Cut[]): string {
  const offsets = found.flatMap(({ offsetsMs }) => Object.values(offsetsMs).map(Math.abs));
  return `the gateways' clocks were up to ${Math.max(...offsets).toFixed(1)} ms off that of wan; this is taken out`;
}

/** Measures everything that is promised of the link. The lab is left with the last settings: the caller puts them back. */
export async function benchLink(
  lab: BenchLab,
  options: LinkOptions,
  signal: AbortSignal,
): Promise<LinkResult> {
  const timers = options.quick ? quickTimers : defaultTimers;
  await lab.ocean.heal();
  await lab.ocean.set(presets["default"]!);
  const { rttMs } = await step("calibrate the ocean", {}, (): Promise<Calibration> => lab.ocean.calibrate());
  await apply(lab, "the link alone", linkAlone, signal);

  const latency = await step("round trips", {}, () => roundTrips());
  const deployed = await deployments(lab, options.runs, signal);

  const quickBfd = { ...linkAlone, "link.bfd": bfd };
  await apply(lab, `BFD at ${bfd.intervalMs} ms × ${bfd.multiplier}`, quickBfd, signal);
  const short = await cuts(lab, shortCutSeconds, options.runs, signal);
  const minute = await cuts(lab, 60, 1, signal);
  const long = options.quick ? [] : await cuts(lab, 300, 1, signal);
  const watched = [...short, ...minute, ...long];

  const noBfd = { ...linkAlone, "link.bfd": "off", "link.bgp": timers };
  await apply(lab, "bfd: off and BGP's default timers", noBfd, signal);
  const unnoticed = await cuts(lab, shortCutSeconds, 1, signal);
  const unwatched = await step("a cut until BGP notices", {}, () =>
    cutOnce(lab, "detected", signal, (timers.holdSeconds + 60) * 1000),
  );

  const detection = detectionFigure("cut noticed, BFD", watched, [detectionBound]);
  const slowDetection = detectionFigure("cut noticed, bfd: off", [unwatched]);
  const lasting = backFigure("traffic back after 60 s", minute, [longBackBound]);
  const slowBack = backFigure(`traffic back, bfd: off, after ${Math.round(unwatched.lasted)} s`, [unwatched]);
  return {
    figures: [
      ...latency,
      ...deployed,
      detection,
      slowDetection,
      ratio("  bfd: off ÷ BFD, p50", slowDetection, detection),
      backFigure(`traffic back after ${shortCutSeconds} s`, short, backBounds),
      lasting,
      ...long.map((one) => backFigure("traffic back after 300 s", [one], [longBackBound])),
      backFigure(`traffic back, bfd: off, after ${shortCutSeconds} s`, unnoticed),
      slowBack,
      ratio("  bfd: off ÷ BFD, p50", slowBack, lasting),
    ],
    notes: [
      `underlay calibrated to ${rttMs.toFixed(1)} ms`,
      `bfd: off runs with BGP's keepalive ${timers.keepaliveSeconds} s, hold ${timers.holdSeconds} s, connect retry ${timers.connectRetrySeconds} s`,
      clockNote([...watched, ...unnoticed, unwatched]),
      ...(options.quick
        ? ["quick: the cut of 300 s was left out, and BGP's timers are shorter than its defaults"]
        : []),
    ],
  };
}
