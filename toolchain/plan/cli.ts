import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "../paths";
import { createTemporaryStack, stackOfFile } from "../standIns/temporaryStack";
import { step } from "../steps";
import { MissingPrerequisite } from "../system";
import { complaints, type Preview, renderPlan } from "./plan";

const usage = `usage: npm run prod:preview [-- <stack file>]

Prints what \`pulumi up\` would make with the settings of a stack file (Pulumi.prod.yaml), without an account, credentials
or a network: the clouds' providers are stand-ins that check what they are given against the providers' own schemas.
Exit status 0 when the preview succeeded.
`;

/** A preview's answer. Where the CLI itself fails there is none. */
function parsed(stdout: string): Preview | undefined {
  try {
    return JSON.parse(stdout) as Preview;
  } catch {
    return undefined;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const [given = join(root, "Pulumi.prod.yaml"), ...others] = args;
  if (others.length > 0 || given.startsWith("-")) {
    process.stderr.write(usage);
    return given === "--help" ? 0 : 2;
  }
  const file = resolve(given);
  if (!existsSync(file)) throw new MissingPrerequisite(`there is no file ${file}`);
  const stack = await createTemporaryStack(file);
  try {
    const { status, stdout, stderr } = await step(`preview of ${stackOfFile(file)}`, {}, () =>
      stack.pulumi("preview", "--json"),
    );
    const preview = parsed(stdout);
    const complained = preview ? complaints(preview) : [];
    for (const complaint of complained) process.stderr.write(`${complaint}\n`);
    if (!preview || status !== 0) {
      // An engine that can't run its providers at all ends without a diagnostic.
      if (complained.length === 0) process.stderr.write(stderr.trim() ? stderr : stdout);
      return 1;
    }
    process.stdout.write(
      `The plan of the stack ${stackOfFile(file)}, with stand-ins for the clouds. Nothing was made.\n\n${renderPlan(preview)}`,
    );
    return 0;
  } finally {
    stack.remove();
  }
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: Error) => {
    process.stderr.write(`${error instanceof MissingPrerequisite ? error.message : error.stack}\n`);
    process.exitCode = 1;
  },
);
