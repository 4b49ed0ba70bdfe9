import { percentile } from "../providers/probes/statistics";

/** How values are spread. */
export interface Distribution {
  readonly n: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** A promise about a figure: the named value of its distribution is at most this, or below this. */
export type Bound = { readonly of: "p50" | "max" } & (
  { readonly atMost: number } | { readonly below: number }
);

/** Unit of a figure; `×` is a ratio. */
export type Unit = "ms" | "s" | "logins" | "requests" | "changes" | "%" | "MiB" | "load" | "×";

/** One thing that was measured. */
export interface Figure {
  readonly name: string;
  readonly unit: Unit;
  readonly distribution: Distribution;
  /** Empty for a figure that stands beside another one for comparison. */
  readonly bounds: readonly Bound[];
}

/** @throws Error when there are no values: a figure without a measurement is not a figure. */
export function distribution(values: readonly number[]): Distribution {
  if (values.length === 0) throw new Error("nothing was measured");
  const sorted = [...values].sort((a, b) => a - b);
  return {
    n: sorted.length,
    min: sorted[0]!,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    max: sorted.at(-1)!,
  };
}

export function figure(
  name: string,
  unit: Unit,
  values: readonly number[],
  bounds: readonly Bound[] = [],
): Figure {
  return { name, unit, distribution: distribution(values), bounds };
}

/** How many times the median of one figure is that of another. */
export function ratio(
  name: string,
  dividend: Figure,
  divisor: Figure,
  bounds: readonly Bound[] = [],
): Figure {
  return figure(name, "×", [dividend.distribution.p50 / divisor.distribution.p50], bounds);
}

/** Whether all bounds of a figure hold. */
export function holds({ distribution: spread, bounds }: Figure): boolean {
  return bounds.every((bound) =>
    "below" in bound ? spread[bound.of] < bound.below : spread[bound.of] <= bound.atMost,
  );
}

/** Digits after the point that a unit's measurements are good for. */
const digits: Readonly<Record<Unit, number>> = {
  ms: 1,
  s: 2,
  logins: 0,
  requests: 0,
  changes: 0,
  "%": 3,
  MiB: 0,
  load: 2,
  "×": 3,
};

const columns = ["n", "min", "p50", "p95", "max"] as const;

function row(name: string, unit: string, cells: readonly string[], verdict: string, width: number): string {
  const numbers = cells.map((cell) => cell.padStart(9)).join("");
  return `${name.padEnd(width)}  ${unit.padEnd(8)}${numbers}   ${verdict}`.trimEnd();
}

/** Figures as a table for people, without colour, ending without a newline. */
export function renderFigures(figures: readonly Figure[]): string {
  const width = Math.max(...figures.map(({ name }) => name.length));
  const rows = figures.map((one) => {
    const { unit, distribution: spread, bounds } = one;
    const cells = columns.map((column) => spread[column].toFixed(column === "n" ? 0 : digits[unit]));
    const promises = bounds
      .map((bound) => `${bound.of} ${"below" in bound ? `< ${bound.below}` : `≤ ${bound.atMost}`}`)
      .join(", ");
    const verdict = bounds.length === 0 ? "" : `${promises}  ${holds(one) ? "ok" : "MISSED"}`;
    return row(one.name, unit, cells, verdict, width);
  });
  return [row("", "", columns, "bound", width), ...rows].join("\n");
}
