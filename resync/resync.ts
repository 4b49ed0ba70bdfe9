import {
  compareTable,
  type Difference,
  type Mismatch,
  pairTables,
  readTables,
} from "../providers/postgres/compare";
import { compareRows, type Rows } from "../providers/probes/replicationMeasure";
import { applyChanges, type Change, CHANGED_MEANWHILE, copyRows, type Refusal } from "./apply";
import {
  type Answers,
  type Decision,
  type Plan,
  plan,
  planRepair,
  type Question,
  type Standing,
} from "./plan";
import { recordConflicts, RecordFile, type Sites } from "./record";
import {
  announce,
  awaitIdle,
  catchUpSequences,
  clock,
  type Direction,
  direction,
  disableSubscription,
  drained,
  enableSubscription,
  knowledge,
  refusesWrites,
  renewSlot,
  setWritable,
  type Side,
  type Sleep,
} from "./replication";

/** What the operator is asked, and how. Answers nothing to stop. */
export interface Operator {
  say(text: string): void;
  /** Whose state stands for all rows of a question; undefined stops, with nothing changed. */
  decide(question: Question, rows: readonly Difference[]): Promise<Standing | undefined>;
  /** Rows of the target that the source can't take. True leaves them out, recorded; false stops. */
  leaveOut(refusals: readonly Refusal[]): Promise<boolean>;
}

export interface ResyncOptions {
  /** Shows the plan and changes nothing. */
  readonly dryRun: boolean;
  /** File that takes what is overridden. */
  readonly recordFile: string;
}

/** How long a side may take to see what the other wrote before it, ms. */
const DRAIN_MS = 60_000;
/** Comparisons after which rows of the source that move all the time are left to replication. */
const MERGE_ROUNDS = 3;

async function allDifferences(
  source: Side,
  target: Side,
): Promise<{ differences: Difference[]; mismatches: Mismatch[] }> {
  const [a, b] = await Promise.all([readTables(source.database), readTables(target.database)]);
  const { tables, mismatches } = pairTables(a, b, [source.end.site, target.end.site]);
  const differences: Difference[] = [];
  for (const table of tables)
    differences.push(...(await compareTable(source.database, target.database, table)));
  return { differences, mismatches };
}

/** Changes that bring the target's newer and unique rows to the source, as replication would have. */
function merges(decisions: readonly Decision[], now: number): Change[] {
  return decisions
    .filter(({ stands }) => stands === "target")
    .map(({ difference: { table, key, a, b } }) => ({
      table,
      key,
      expected: a,
      next: b,
      at: b?.committedAt ?? now,
    }));
}

/** Changes that make the target equal to the source. */
function copies(differences: readonly Difference[], now: number): Change[] {
  return differences.map(({ table, key, a, b }) => ({ table, key, expected: b, next: a, at: now }));
}

function summary({ decided }: Plan, { source, target }: Sites): string {
  const count = (test: (decision: Decision) => boolean): number => decided.filter(test).length;
  return [
    `${count(({ stands }) => stands === "target")} rows go from ${target} to ${source}`,
    `${count(({ stands }) => stands === "source")} rows go from ${source} to ${target}`,
    `${count(({ lost }) => lost !== null)} versions are overridden and recorded`,
  ].join(", ");
}

/** Asks what time can't decide, one question for each kind. undefined when the operator stops. */
async function ask(open: Plan["open"], operator: Operator): Promise<Answers | undefined> {
  const answers: Partial<Record<Question, Standing>> = {};
  for (const question of Object.keys(open) as Question[]) {
    if (open[question].length === 0) continue;
    const answer = await operator.decide(question, open[question]);
    if (answer === undefined) return undefined;
    answers[question] = answer;
  }
  return answers;
}

/**
 * Brings a site back whose replication was lost. Compares rows, merges the target's newer and unique rows into the source by
 * their commit times, records what that overrides, makes the target's rows those of the source, and renews the slots that
 * are lost. Both sides go on being read, and the source being written; the target refuses writes meanwhile. Can be repeated:
 * a run that was interrupted leaves the target refusing writes until a run completes.
 * @returns the rows that differ in the end (none, when all went well); undefined when the operator stopped it or it was a dry
 *   run.
 * @throws Error when the sites can't be compared, or a worker does not obey
 */
export async function resync(
  source: Side,
  target: Side,
  options: ResyncOptions,
  operator: Operator,
  sleep: Sleep,
): Promise<Rows | undefined> {
  const sites: Sites = { source: source.end.site, target: target.end.site };
  const forward = await direction(source, target);
  const back = await direction(target, source);
  // A site that was restored lacks rows, and may not write because somebody looked at a question and stopped.
  const refused = await refusesWrites(target);
  const leave = async (): Promise<void> => {
    if (refused) operator.say(`${sites.target} goes on refusing writes, as before`);
    else await setWritable(target, true);
  };
  if (!options.dryRun) {
    await setWritable(target, false);
    operator.say(`${sites.target} refuses writes; both sites go on being read`);
  }
  const told =
    back.slotUsable && back.status === "replicating" && (await drained(target, source, DRAIN_MS, sleep));
  if (forward.slotUsable && forward.status === "replicating") await drained(source, target, DRAIN_MS, sleep);
  const known = await knowledge(source, target);

  const { differences, mismatches } = await allDifferences(source, target);
  if (mismatches.length > 0) {
    if (!options.dryRun) await leave();
    const list = mismatches.map(({ table, why }) => `${table}: ${why}`).join("\n  ");
    throw new Error(`the tables of the sites are not the same; make them so first:\n  ${list}`);
  }
  const first = plan(differences, known);
  operator.say(`${differences.length} rows differ: ${summary(first, sites)}`);
  if (options.dryRun) {
    for (const [question, rows] of Object.entries(first.open)) {
      if (rows.length > 0) operator.say(`to be asked, as ${question}: ${rows.map(name).join(", ")}`);
    }
    return undefined;
  }
  const answers = await ask(first.open, operator);
  if (answers === undefined) {
    await leave();
    return undefined;
  }

  await disableSubscription(target, sites.source);
  await disableSubscription(source, sites.target);
  await awaitIdle(forward, sleep);
  await awaitIdle(back, sleep);
  // Before anything is compared again: what the source writes from here on is kept for the target.
  if (!forward.slotUsable) await renewSlot(forward);
  // What the target wrote and the source has not seen is merged by the comparison. Sent as well, it would undo decisions.
  if (!told) await renewSlot(back);

  const merged = await merge(back, known, answers, options, operator);
  if (!merged) {
    // The slots are new and the rows are not the same: the target stays closed until this has been run to its end.
    operator.say(
      `stopped. ${sites.target} refuses writes and does not replicate until this command is run again`,
    );
    return undefined;
  }
  const { differences: rest } = await allDifferences(source, target);
  const uncopied = await copyRows(target.database, forward.slot, copies(rest, await clock(source)));
  for (const { table, key, why } of uncopied) operator.say(`${table} ${key} was not copied: ${why}`);
  operator.say(`${rest.length - uncopied.length} rows were copied to ${sites.target}`);
  await catchUpSequences(target);
  await enableSubscription(source, sites.target);
  await enableSubscription(target, sites.source);
  await announce(source);
  if (!(await drained(source, target, DRAIN_MS, sleep)))
    throw new Error(
      `${target.end.host} does not replicate from ${sites.source} yet; it refuses writes until this command succeeds`,
    );
  await setWritable(target, true);
  operator.say(`${sites.target} takes writes again`);
  return compareRows(source.database, target.database, [sites.source, sites.target], Infinity, sleep);
}

/** Merges until nothing of the target is left that the source lacks. False when the operator stopped it. */
async function merge(
  { from: target, to: source, slot }: Direction,
  known: Parameters<typeof plan>[1],
  answers: Answers,
  options: ResyncOptions,
  operator: Operator,
): Promise<boolean> {
  const sites: Sites = { source: source.end.site, target: target.end.site };
  const record = new RecordFile(options.recordFile, sites);
  const leftOut = new Set<string>();
  for (let round = 0; ; round++) {
    const { differences } = await allDifferences(source, target);
    const { decided, open } = plan(differences, known, answers);
    const decisions = [...decided, ...Object.values(open).flat().map(standsAtSource)].map((decision) =>
      decision.stands === "target" && (round === MERGE_ROUNDS || leftOut.has(name(decision.difference)))
        ? { ...decision, stands: "source" as const, lost: decision.difference.b, asked: true }
        : decision,
    );
    record.add(decisions);
    await recordConflicts(source.database, decisions, sites, "resync");
    const changes = merges(decisions, await clock(source));
    if (changes.length === 0) return true;
    const refused = await applyChanges(source.database, slot, changes);
    const fixed = refused.filter(({ why }) => why !== CHANGED_MEANWHILE);
    if (fixed.length > 0 && !(await operator.leaveOut(fixed))) return false;
    for (const { table, key } of fixed) leftOut.add(`${table} ${key}`);
    operator.say(`${changes.length - refused.length} rows were merged into ${sites.source}`);
  }
}

function name({ table, key }: Difference): string {
  return `${table.name} ${key}`;
}

/** What came up after the questions were asked: the source is in use, and its state stands. */
function standsAtSource(difference: Difference): Decision {
  return { difference, stands: "source", lost: difference.b, asked: false };
}

/**
 * Makes rows equal that stayed different while both sites see each other. Both sites stay in use; the subscription of the
 * side that is corrected rests for a moment.
 * @returns the rows that were different, and how many of them were made equal
 */
export async function repair(
  a: Side,
  b: Side,
  options: ResyncOptions & { readonly prefer?: Standing },
  operator: Operator,
  sleep: Sleep,
): Promise<{ readonly found: number; readonly repaired: number }> {
  const sites: Sites = { source: a.end.site, target: b.end.site };
  const { differences, mismatches } = await compareRows(
    a.database,
    b.database,
    [sites.source, sites.target],
    Infinity,
    sleep,
  );
  for (const { table, why } of mismatches) operator.say(`${table} is not compared: ${why}`);
  const { decided: byTime, open } = planRepair(differences, options.prefer);
  const decided = [...byTime];
  for (const { difference, stands } of decided) {
    const { table, key } = difference;
    operator.say(`${table.name} ${key}: ${describe(difference, sites)}; that of ${sites[stands]} stands`);
  }
  if (options.dryRun || differences.length === 0) return { found: differences.length, repaired: 0 };
  if (open.unordered.length > 0) {
    const answer = await operator.decide("unordered", open.unordered);
    if (answer) decided.push(...planRepair(open.unordered, answer).decided);
  }
  new RecordFile(options.recordFile, sites).add(decided);
  let repaired = 0;
  for (const [stands, winner, loser] of [
    ["source", a, b],
    ["target", b, a],
  ] as const) {
    const mine = decided.filter((decision) => decision.stands === stands);
    if (mine.length === 0) continue;
    repaired += await correct(await direction(winner, loser), mine, operator, sleep);
    await recordConflicts(loser.database, mine, sites, "repair");
  }
  return { found: differences.length, repaired };
}

function describe({ a, b }: Difference, { source, target }: Sites): string {
  if (!a) return `on ${target} only`;
  return b ? "two versions" : `on ${source} only`;
}

async function correct(
  way: Direction,
  decisions: readonly Decision[],
  operator: Operator,
  sleep: Sleep,
): Promise<number> {
  const { from: winner, to: loser, slot } = way;
  const from = winner.end.site;
  await disableSubscription(loser, from);
  try {
    await awaitIdle(way, sleep);
    const now = await clock(winner);
    const changes = decisions.map(({ difference: { table, key, a, b }, stands }): Change => {
      const [next, expected] = stands === "source" ? [a, b] : [b, a];
      return { table, key, expected, next, at: next?.committedAt ?? now };
    });
    const refused = await applyChanges(loser.database, slot, changes);
    for (const { table, key, why } of refused) operator.say(`${table} ${key} was not repaired: ${why}`);
    return changes.length - refused.length;
  } finally {
    await enableSubscription(loser, from);
  }
}
