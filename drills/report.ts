import { type Figure, figure, holds, renderFigures } from "../bench/figure";
import type { StateChange } from "./checker/paths";
import { areKept, type Promises } from "./checker/promises";
import type { Bounds, Drill } from "./model";
import type { Observed } from "./observe";

/** What a drill ends with. */
export interface DrillResult {
  readonly name: string;
  readonly passed: boolean;
  /** Why it didn't pass, a sentence each. */
  readonly failures: readonly string[];
  /** Longest time without an answer from the first fault on, by client, in ms. */
  readonly outageMs: Readonly<Record<string, number>>;
  /** Requests that failed twice, by client. */
  readonly failedRequests: Readonly<Record<string, number>>;
  /** When the first and the last of them began, in ms from the first fault on, of the clients that had any. */
  readonly failedBetweenMs: Readonly<Record<string, readonly [number, number]>>;
  /** What the keepers of the backup path made of it. */
  readonly states: readonly StateChange[];
  readonly promises: Promises;
  readonly figures: readonly Figure[];
}

/** Verdicts about nothing, for a stack without a database: the counts say that nothing was checked. */
export const nothingChecked: Promises = {
  a: { checked: 0, broken: [] },
  b: { checked: 0, broken: [], undecided: [] },
  c: { checked: 0, broken: [], repairable: [] },
};

interface Judged {
  readonly name: string;
  readonly unit: "ms" | "requests" | "changes";
  readonly bound: keyof Bounds;
  readonly value: (observed: Observed) => number | undefined;
  /** Whether a stack may lack what it is about. A client that is there and has no answer fails the drill by itself. */
  readonly mayLack?: boolean;
}

const judgements: readonly Judged[] = [
  { name: "fault → other site", unit: "ms", bound: "crossSiteMs", value: (seen) => seen.crossSiteMs },
  { name: "fault → service address", unit: "ms", bound: "takeoverMs", value: (seen) => seen.takeoverMs },
  {
    name: "fault → database there",
    unit: "ms",
    bound: "takeoverMs",
    value: (seen) => seen.databaseTakeoverMs,
    mayLack: true,
  },
  { name: "heal → tunnel", unit: "ms", bound: "healMs", value: (seen) => seen.healMs },
  { name: "failed requests", unit: "requests", bound: "failed", value: (seen) => seen.failed },
  {
    name: "  at the own site",
    unit: "requests",
    bound: "failedAtOwnSite",
    value: (seen) => seen.failedAtOwnSite,
  },
  {
    name: "  after the heal",
    unit: "requests",
    bound: "failedAfterHeal",
    value: (seen) => seen.failedAfterHeal,
  },
  {
    name: "path changes a minute",
    unit: "changes",
    bound: "pathChangesPerMinute",
    value: (seen) => seen.pathChangesPerMinute,
  },
];

function brokenPromises(promises: Promises): string[] {
  return Object.entries(promises).flatMap(([letter, { broken }]: [string, { broken: readonly string[] }]) =>
    broken.length === 0
      ? []
      : [`promise (${letter}) is broken ${broken.length} times: ${broken.slice(0, 5).join(", ")}.`],
  );
}

/** Judges what was seen of a drill. */
export function judge(drill: Drill, observed: Observed): DrillResult {
  const figures: Figure[] = [];
  const failures: string[] = [];
  for (const { name, unit, bound, value, mayLack } of judgements) {
    const found = value(observed);
    const atMost = drill.bounds[bound];
    if (found !== undefined) {
      const one = figure(name, unit, [found], atMost === undefined ? [] : [{ of: "max", atMost }]);
      figures.push(one);
      if (!holds(one))
        failures.push(`${name.trim()}: ${Math.round(found)} ${unit}, at most ${atMost} are allowed.`);
    } else if (atMost !== undefined && !mayLack) {
      failures.push(
        `${name.trim()}: not seen while the drill looked; at most ${atMost} ${unit} are allowed.`,
      );
    }
  }
  const promises = observed.promises ?? nothingChecked;
  failures.push(...brokenPromises(promises));
  if (observed.unrepaired.length > 0)
    failures.push(`the repair left different: ${observed.unrepaired.join(", ")}.`);
  failures.push(...observed.unserved.map((client) => `${client} had no answer at the end.`));
  const clients = Object.entries(observed.experiences);
  return {
    name: drill.name,
    passed: failures.length === 0 && areKept(promises),
    failures,
    outageMs: Object.fromEntries(clients.map(([client, { outageMs }]) => [client, Math.round(outageMs)])),
    failedRequests: Object.fromEntries(clients.map(([client, { failed }]) => [client, failed])),
    failedBetweenMs: Object.fromEntries(
      clients.flatMap(([client, { failedBetweenMs }]) =>
        failedBetweenMs ? [[client, failedBetweenMs]] : [],
      ),
    ),
    states: observed.states,
    promises,
    figures,
  };
}

const seconds = (ms: number): string => `${ms < 0 ? "" : "+"}${(ms / 1000).toFixed(1)} s`;

/** What each site's keeper made of it, in a line. */
function renderStates(states: readonly StateChange[]): string[] {
  return [...new Set(states.map(({ site }) => site))].sort().map((site) => {
    const own = states.filter((one) => one.site === site);
    return `  path of ${site}: ${own.map(({ afterMs, state }) => `${seconds(afterMs)} ${state}`).join(", ")}`;
  });
}

/** A result for people, ending without a newline. */
export function renderResult(result: DrillResult): string {
  const width = Math.max(...Object.keys(result.outageMs).map((name) => name.length), 6);
  const clients = Object.entries(result.outageMs).map(([client, outage]) => {
    const [first, last] = result.failedBetweenMs[client] ?? [];
    const when = first === undefined ? "" : `  ${seconds(first)} to ${seconds(last!)}`;
    return `  ${client.padEnd(width)}  ${String(outage).padStart(8)} ms  ${String(result.failedRequests[client]).padStart(6)}${when}`;
  });
  const promises = Object.entries(result.promises).map(
    ([letter, { checked, broken }]: [string, { checked: number; broken: readonly string[] }]) =>
      `  (${letter})  ${String(checked).padStart(6)} checked  ${String(broken.length).padStart(4)} broken`,
  );
  const { b, c, d } = result.promises;
  const notes = [
    ...(b.undecided.length > 0 ? [`  (b)  ${b.undecided.length} can't be decided: an answer was lost`] : []),
    ...(c.repairable.length > 0
      ? [`  (c)  differed after delete and re-insert, and were repaired: ${c.repairable.join(", ")}`]
      : []),
    ...(d ? [`  (d)  lost: ${d.lost.length} rows, ${Math.round(d.lostMs)} ms: ${d.lost.join(", ")}`] : []),
  ];
  return [
    `${result.name}: ${result.passed ? "passed" : "FAILED"}`,
    ...(result.figures.length > 0 ? [renderFigures(result.figures)] : []),
    `  ${"client".padEnd(width)}  ${"outage".padStart(11)}  failed`,
    ...clients,
    ...renderStates(result.states),
    ...promises,
    ...notes,
    ...result.failures.map((failure) => `  ${failure}`),
  ].join("\n");
}

/** All results in one table, for the README; ending without a newline. */
export function renderTable(results: readonly DrillResult[]): string {
  const rows = results.map(({ name, passed, outageMs, failedRequests, promises, figures }) => {
    const promised = figures.filter(({ bounds }) => bounds.length > 0);
    const said = promised.map((one) => `${one.name.trim()} ${one.distribution.max.toFixed(0)} ${one.unit}`);
    const broken = [promises.a, promises.b, promises.c].map((verdict) => verdict.broken.length).join(" / ");
    const failed = Object.values(failedRequests).reduce((sum, count) => sum + count, 0);
    const longest = Math.max(0, ...Object.values(outageMs));
    return [name, passed ? "yes" : "NO", `${longest} ms`, String(failed), broken, said.join(", ")];
  });
  const head = ["drill", "passed", "longest outage", "failed", "broken a / b / c", "figures"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join(
    "\n",
  );
}
