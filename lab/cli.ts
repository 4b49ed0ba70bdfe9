import { labDirectory } from "../toolchain/paths";
import { ensureToolchain, runPulumi } from "../toolchain/pulumi";
import { type LabCommand, NoLab, UsageError } from "./commands/command";
import { down, reset } from "./commands/down";
import { ocean } from "./commands/ocean";
import { snapshot } from "./commands/snapshot";
import { logs, ssh } from "./commands/ssh";
import { status } from "./commands/status";
import { up } from "./commands/up";
import { labPaths } from "./paths";

const commands: Readonly<Record<string, LabCommand>> = {
  up,
  status,
  ssh,
  logs,
  ocean,
  snapshot,
  down,
  reset,
};

function overview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `usage: npm run lab                    up, then deploy the stack lab, then status
       npm run lab -- <command> [arguments]
       npm run lab -- <command> --help

Two sites and the ocean between them, in three virtual machines on this computer.

${lines.join("\n")}

CROSSBORDER_LAB_DIR=<directory> makes and uses a second lab, for its machines alone, beside the checkout's own.
`;
}

/** Up, deploy, status. */
async function everything(): Promise<number> {
  if (labPaths().lab !== labDirectory) {
    throw new UsageError(
      "the stack lab is deployed to the checkout's own lab only: unset CROSSBORDER_LAB_DIR",
    );
  }
  // First, because a compiler and machines that boot would slow each other down.
  await ensureToolchain();
  await up.run([]);
  const deployed = await runPulumi(["up", "--stack", "lab", "--yes", "--skip-preview"]);
  if (deployed.status !== 0) {
    process.stderr.write(
      "the deployment failed; its diagnosis is above, and `npm run lab -- status` measures again\n",
    );
    return 1;
  }
  return status.run([]);
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined) return everything();
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(overview());
    return 0;
  }
  const command = commands[name];
  if (!command) throw new UsageError(`unknown command "${name}"`);
  // What follows `ssh <vm>` belongs to the remote command.
  const own = name === "ssh" ? args.slice(0, 1) : args;
  if (own.includes("--help") || own.includes("-h")) {
    process.stdout.write(command.help);
    return 0;
  }
  return command.run(args);
}

function isUsageError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return error instanceof UsageError || (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS"));
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const hint = isUsageError(error) ? "\nsee: npm run lab -- --help" : "";
    process.stderr.write(`${message}${hint}\n`);
    process.exitCode = isUsageError(error) || error instanceof NoLab ? 2 : 1;
  },
);
