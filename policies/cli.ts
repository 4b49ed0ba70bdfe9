import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { settingsFrom } from "../settings/load";
import { SettingsError } from "../settings/parse";
import { root } from "../toolchain/paths";
import { describeToolchain, prepare, runPulumi } from "../toolchain/pulumi";
import { isProduction } from "./rule";
import { resourceRules, settingsRules } from "./rules";

const rules = [...resourceRules, ...settingsRules];
const width = Math.max(...rules.map(({ name }) => name.length));

const usage = `usage: npm run policy -- [STACK]

Checks a stack's settings and, in a preview, its plan, and says which rules they violate. Changes nothing.

  STACK  the stack (default: lab); one named prod… is production

rules:
${rules.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`).join("\n")}

exit status: 0 every rule holds, 1 one is violated or there is no plan, 2 wrongly called or settings can't be read`;

/** What `pulumi config --json` says of a value. */
interface Configured {
  readonly value?: string;
}

/** What is wrong with a stack's settings, by the rules of settings. @throws Error when they can't be read. */
async function settingsViolations(stack: string): Promise<string[]> {
  const args = ["config", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the settings of stack ${stack} cannot be read: ${stderr.trim()}`);
  const configured = Object.entries(JSON.parse(stdout) as Record<string, Configured>);
  const project = /^name:\s*(\S+)/m.exec(readFileSync(join(root, "Pulumi.yaml"), "utf8"))![1]!;
  try {
    const settings = settingsFrom(
      Object.fromEntries(configured.map(([key, { value }]) => [key, value ?? ""])),
      project,
    );
    const surroundings = { production: isProduction(stack) };
    return settingsRules.flatMap((rule) =>
      rule.check(settings, surroundings).map((sentence) => `${rule.name}: ${sentence}`),
    );
  } catch (error) {
    if (error instanceof SettingsError) return [error.message];
    throw error;
  }
}

/** Runs `pulumi preview` with the pack. @returns its exit status. */
async function preview(stack: string): Promise<number> {
  const args = [
    ...["preview", "--non-interactive", "--suppress-outputs"],
    ...["--stack", stack, "--policy-pack", join(root, "policies")],
  ];
  const command = await prepare(args, root);
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(command.path, args, { cwd: root, stdio: "inherit", env: command.env });
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 1));
    });
  } finally {
    command.finish();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: "boolean", short: "h", default: false } },
  });
  if (values.help || positionals.length > 1) {
    process[values.help ? "stdout" : "stderr"].write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const stack = positionals[0] ?? "lab";
  process.stderr.write(`${await describeToolchain()}\n`);
  const violations = await settingsViolations(stack);
  for (const sentence of violations) process.stderr.write(`${sentence}\n`);
  const status = await preview(stack);
  if (violations.length === 0 && status === 0) {
    const kind = isProduction(stack) ? "production" : "not production";
    process.stderr.write(`stack ${stack} (${kind}): all ${rules.length} rules hold\n`);
    return 0;
  }
  const settings = violations.length > 0 ? "the settings violate a rule; " : "";
  const plan =
    status === 0 ? "the plan violates no rule" : "the plan violates a rule, or there is none; see above";
  process.stderr.write(`stack ${stack}: ${settings}${plan}\n`);
  return 1;
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  },
);
