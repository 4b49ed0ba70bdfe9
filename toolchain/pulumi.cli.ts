import { spawn } from "node:child_process";
import { constants } from "node:os";
import { describeToolchain, ensureStack, prepare, pulumiEnvironment } from "./pulumi";
import { MissingPrerequisite } from "./system";

const usage = `usage: npm run pulumi -- <arguments of pulumi>
       npm run pulumi -- shell

Runs the Pulumi CLI with this project's environment, for example:
  npm run pulumi -- up -s lab
  npm run pulumi -- stack output --show-secrets -s lab
or opens a shell in which plain pulumi commands have it. The stack is lab unless -s, PULUMI_STACK or
\`pulumi stack select\` says otherwise. The lab's state and passphrase are in .lab; a stack of your own needs
PULUMI_BACKEND_URL or \`pulumi login\`.
`;

/** Commands that deploy; they say first what they deploy with. */
const operations = ["up", "preview", "refresh", "destroy"];

function run(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio: "inherit", env });
    process.on("SIGINT", () => {
      // A terminal has sent it to the child too, and Pulumi takes a second one as an order to drop everything.
      if (!process.stdin.isTTY) child.kill("SIGINT");
    });
    for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}

async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0) {
    process.stderr.write(usage);
    return 2;
  }
  if (args[0] === "shell") {
    await ensureStack("lab");
    process.stderr.write(
      `${await describeToolchain()}\nA shell with Pulumi's environment; leave it with exit.\n`,
    );
    return run(process.env["SHELL"] || "/bin/sh", args.slice(1), await pulumiEnvironment());
  }
  if (operations.includes(args[0]!)) process.stderr.write(`${await describeToolchain()}\n`);
  const command = await prepare(args, process.cwd());
  try {
    return await run(command.path, args, command.env);
  } finally {
    command.finish();
  }
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: Error) => {
    process.stderr.write(`${error instanceof MissingPrerequisite ? error.message : error.stack}\n`);
    process.exitCode = 1;
  },
);
