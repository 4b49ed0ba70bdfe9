import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { labDirectory, root } from "./paths";
import { describeToolchain } from "./pulumi";
import { formatElapsed } from "./steps";
import { MissingPrerequisite } from "./system";

/** The tiers in the order in which they run: what fails fastest comes first. */
const tiers = ["static", "unit", "plugins", "engine", "lab", "drills", "failover"] as const;
type Tier = (typeof tiers)[number];

/** What runs when nothing is named: `failover` takes as long as all of it. */
const usual: readonly Tier[] = ["static", "unit", "plugins", "engine", "lab", "drills"];

/** Those that need the lab's machines, one after another. */
const onMachines: readonly Tier[] = ["lab", "drills", "failover"];

/** Those that have the computer for themselves: they hold the machines to times. */
const alone: readonly Tier[] = ["drills", "failover"];

/** Those that run beside the lab's when both are wanted: the machines mostly wait for one another, across an ocean. */
const beside: readonly Tier[] = ["plugins", "engine"];

interface Outcome {
  readonly tier: Tier;
  readonly passed: number;
  readonly failed: number;
  readonly milliseconds: number;
}

const modules = join(root, "node_modules");

/** Programs that look at the code without running it. */
const staticChecks: readonly (readonly [name: string, script: string, ...args: string[]])[] = [
  // What the two options demand, generated sources lack; tsconfig.json, by which a clone that has not compiled them yet is
  // checked, is without them.
  [
    "types",
    join(modules, "typescript", "bin", "tsc"),
    "--noEmit",
    "--noImplicitOverride",
    "--noUnusedLocals",
  ],
  ["lint", join(modules, "eslint", "bin", "eslint.js"), "."],
  ["format", join(modules, "prettier", "bin", "prettier.cjs"), "--check", "--log-level", "warn", "."],
];

/** How a tier is run: in front of the user, or behind a tier that is, with what it prints kept until it is done. */
type Place = "front" | "behind";

/**
 * Leaves processors to others. Linux groups processes by session, and a niceness counts only within its group (autogroup, sched(7)):
 * a process that leads a session has the group's niceness set too.
 */
function yieldProcessors(leader: number): void {
  setPriority(leader, constants.priority.PRIORITY_LOW);
  try {
    writeFileSync(`/proc/${leader}/autogroup`, String(constants.priority.PRIORITY_LOW));
  } catch {
    // The kernel has no autogroups: the niceness alone counts.
  }
}

/** Ends a session that has no terminal when this process is interrupted. @returns what takes that back */
function endWithThis(leader: number): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const end = (signal: NodeJS.Signals): void => {
    forget();
    process.kill(-leader, "SIGTERM");
    process.kill(process.pid, signal);
  };
  const forget = (): void => signals.forEach((signal) => void process.off(signal, end));
  for (const signal of signals) process.on(signal, end);
  return forget;
}

function runScript(script: string, args: readonly string[], place: Place = "front"): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = place === "front" ? "inherit" : "pipe";
    const child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      stdio: [stream === "pipe" ? "ignore" : stream, stream, stream],
      detached: place === "behind",
    });
    let forget = (): void => undefined;
    if (place === "behind" && child.pid !== undefined) {
      // The machines' time is what the tests in front measure.
      yieldProcessors(child.pid);
      forget = endWithThis(child.pid);
    }
    const kept: Buffer[] = [];
    for (const output of [child.stdout, child.stderr]) output?.on("data", (data: Buffer) => kept.push(data));
    child.on("error", reject);
    child.on("close", (status) => {
      forget();
      process.stdout.write(Buffer.concat(kept));
      resolve(status ?? 255);
    });
  });
}

async function runStatic(): Promise<{ passed: number; failed: number }> {
  let failed = 0;
  for (const [name, script, ...args] of staticChecks) {
    const status = await runScript(script, args);
    process.stdout.write(`${name}: ${status === 0 ? "ok" : `failed (exit status ${status})`}\n`);
    if (status !== 0) failed++;
  }
  return { passed: staticChecks.length - failed, failed };
}

/** The figures that matter in jest's report. */
interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not even be loaded. */
  readonly numRuntimeErrorTestSuites: number;
}

async function runJest(
  tier: Tier,
  args: readonly string[],
  place: Place,
): Promise<{ passed: number; failed: number }> {
  const reportFile = join(labDirectory, "tmp", `jest-${tier}-${process.pid}.json`);
  mkdirSync(join(labDirectory, "tmp"), { recursive: true });
  const options = [
    "--selectProjects",
    tier,
    "--passWithNoTests",
    "--json",
    `--outputFile=${reportFile}`,
    // The machines of the lab are shared, and their time is what is measured.
    ...(onMachines.includes(tier) ? ["--runInBand"] : []),
    // Jest by itself leaves a processor to whoever watches; here nobody else needs it.
    ...(tier === "unit" ? ["--maxWorkers=100%"] : []),
    ...args,
  ];
  const status = await runScript(join(modules, "jest", "bin", "jest.js"), options, place);
  if (!existsSync(reportFile)) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(reportFile, "utf8")) as JestReport;
  rmSync(reportFile);
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  // Jest can fail without a failed test, such as when its set-up does.
  return { passed: report.numPassedTests, failed: status !== 0 && failed === 0 ? 1 : failed };
}

async function runTiers(
  chosen: readonly Tier[],
  jestOptions: readonly string[],
  place: Place,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const tier of chosen) {
    process.stdout.write(place === "front" ? `\n${tier}\n` : `\n${tier}: runs beside the lab\n`);
    const started = Date.now();
    const counts = tier === "static" ? await runStatic() : await runJest(tier, jestOptions, place);
    outcomes.push({ tier, ...counts, milliseconds: Date.now() - started });
  }
  return outcomes;
}

/** Runs the tiers; those that can, beside the machines' when these are wanted too. */
async function runAll(chosen: readonly Tier[], jestOptions: readonly string[]): Promise<Outcome[]> {
  const last = chosen.filter((tier) => alone.includes(tier));
  const machines = chosen.filter((tier) => onMachines.includes(tier) && !last.includes(tier));
  const behind = machines.length > 0 ? chosen.filter((tier) => beside.includes(tier)) : [];
  const first = chosen.filter((tier) => ![...machines, ...behind, ...last].includes(tier));
  const outcomes = await runTiers(first, jestOptions, "front");
  const both = await Promise.all([
    runTiers(behind, jestOptions, "behind"),
    runTiers(machines, jestOptions, "front"),
  ]);
  return [...outcomes, ...both.flat(), ...(await runTiers(last, jestOptions, "front"))];
}

const usage = `usage: npm test -- [${tiers.join("|")} …] [options of jest]
Without a name all but failover run; that one tests the pair, the database and replaced hosts in depth, for most of an hour.
`;

function isTier(word: string): word is Tier {
  return (tiers as readonly string[]).includes(word);
}

async function main(words: readonly string[]): Promise<number> {
  if (words.includes("--help")) {
    process.stdout.write(usage);
    return 0;
  }
  const firstOption = words.findIndex((word) => word.startsWith("-"));
  const names = firstOption < 0 ? words : words.slice(0, firstOption);
  const jestOptions = firstOption < 0 ? [] : words.slice(firstOption);
  const unknown = names.filter((name) => !isTier(name));
  if (unknown.length > 0) {
    process.stderr.write(`unknown tier: ${unknown.join(", ")}\n${usage}`);
    return 2;
  }
  const chosen = names.length === 0 ? usual : tiers.filter((tier) => names.includes(tier));
  if (chosen.some((tier) => tier !== "static" && tier !== "unit")) {
    process.stdout.write(`${await describeToolchain()}\n`);
  }
  const outcomes = await runAll(chosen, jestOptions);
  process.stdout.write("\n");
  for (const { tier, passed, failed, milliseconds } of outcomes) {
    const time = formatElapsed(milliseconds);
    process.stdout.write(
      `${tier.padEnd(8)} ${String(passed).padStart(4)} passed ${failed} failed  ${time}\n`,
    );
  }
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0);
  // Whoever reads only the last line must see a failed static check in it too.
  const passed = sum((outcome) => (outcome.tier === "static" ? 0 : outcome.passed));
  const failed = sum((outcome) => outcome.failed);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: Error) => {
    process.stderr.write(`${error instanceof MissingPrerequisite ? error.message : error.stack}\n`);
    process.exitCode = 1;
  },
);
