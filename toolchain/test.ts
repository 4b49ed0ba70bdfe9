import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { labDirectory, root } from "./paths";
import { describeToolchain } from "./pulumi";
import { formatElapsed } from "./steps";
import { MissingPrerequisite } from "./system";

/** The tiers in the order in which they run: what fails fastest comes first. */
const tiers = ["static", "unit", "plugins", "engine", "lab"] as const;
type Tier = (typeof tiers)[number];

interface Outcome {
  readonly tier: Tier;
  readonly passed: number;
  readonly failed: number;
  readonly milliseconds: number;
}

const modules = join(root, "node_modules");

/** Programs that look at the code without running it. */
const staticChecks: readonly (readonly [name: string, script: string, ...args: string[]])[] = [
  ["types", join(modules, "typescript", "bin", "tsc"), "--noEmit"],
  ["lint", join(modules, "eslint", "bin", "eslint.js"), "."],
  ["format", join(modules, "prettier", "bin", "prettier.cjs"), "--check", "--log-level", "warn", "."],
];

function runScript(script: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
    child.on("error", reject);
    child.on("close", (status) => resolve(status ?? 255));
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

async function runJest(tier: Tier, args: readonly string[]): Promise<{ passed: number; failed: number }> {
  const reportFile = join(labDirectory, "tmp", `jest-${tier}-${process.pid}.json`);
  mkdirSync(join(labDirectory, "tmp"), { recursive: true });
  const status = await runScript(join(modules, "jest", "bin", "jest.js"), [
    "--selectProjects",
    tier,
    "--passWithNoTests",
    "--json",
    `--outputFile=${reportFile}`,
    // The machines of the lab are shared, and their time is what is measured.
    ...(tier === "lab" ? ["--runInBand"] : []),
    ...args,
  ]);
  if (!existsSync(reportFile)) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(reportFile, "utf8")) as JestReport;
  rmSync(reportFile);
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  // Jest can fail without a failed test, such as when its set-up does.
  return { passed: report.numPassedTests, failed: status !== 0 && failed === 0 ? 1 : failed };
}

const usage = `usage: npm test -- [${tiers.join("|")} …] [options of jest]\n`;

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
  const chosen = names.length === 0 ? tiers : tiers.filter((tier) => names.includes(tier));
  if (chosen.some((tier) => tier !== "static" && tier !== "unit")) {
    process.stdout.write(`${await describeToolchain()}\n`);
  }
  const outcomes: Outcome[] = [];
  for (const tier of chosen) {
    process.stdout.write(`\n${tier}\n`);
    const started = Date.now();
    const counts = tier === "static" ? await runStatic() : await runJest(tier, jestOptions);
    outcomes.push({ tier, ...counts, milliseconds: Date.now() - started });
  }
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
