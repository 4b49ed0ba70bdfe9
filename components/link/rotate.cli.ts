import { parseArgs } from "node:util";
import { z } from "zod";
import { runPulumi } from "../../toolchain/pulumi";
import { rotationSteps } from "./rotation";

const HELP = `usage: npm run rotate -- psk [--stack <stack>]

Replaces the link's pre-shared key while the link is used: both ends accept the old and the new key, both send the new
one, both drop the old one. Each step is a deployment with all its checks; an interrupted rotation goes on where it
stopped. The number of the key in use is kept in the stack's settings file: commit it.

  --stack   the stack whose link it is (default: lab)
`;

const pskSetting = z
  .object({ send: z.number().default(1), accept: z.array(z.number()).default([]) })
  .prefault({});

async function pulumi(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`pulumi ${args[0]} failed:\n${stderr || stdout}`);
  return stdout;
}

async function currentPsk(stack: string) {
  const settings = z
    .record(z.string(), z.object({ objectValue: z.unknown().optional() }))
    .parse(JSON.parse(await pulumi("config", "--json", "--stack", stack)));
  const link = z
    .object({ ipsec: z.object({ psk: pskSetting }).prefault({}) })
    .prefault({})
    .parse(settings["crossborder:link"]?.objectValue);
  return link.ipsec.psk;
}

async function rotatePsk(stack: string): Promise<void> {
  const steps = rotationSteps(await currentPsk(stack));
  for (const [index, { send, accept }] of steps.entries()) {
    const meaning =
      accept.length > 0 ? `sends ${send}, accepts ${accept.join(", ")} too` : `knows ${send} only`;
    process.stderr.write(`step ${index + 1} of ${steps.length}: the link ${meaning}\n`);
    await pulumi(
      "config",
      "set",
      "--stack",
      stack,
      "--path",
      "crossborder:link.ipsec.psk.send",
      String(send),
    );
    const key = "crossborder:link.ipsec.psk.accept";
    if (accept.length > 0)
      await pulumi("config", "set", "--stack", stack, "--path", `${key}[0]`, String(accept[0]));
    else await pulumi("config", "rm", "--stack", stack, "--path", key);
    const { status } = await runPulumi(["up", "--yes", "--stack", stack, "--skip-preview"]);
    if (status !== 0) {
      throw new Error(
        "the deployment of this step failed; when its cause is gone, run the same command again to go on",
      );
    }
  }
  process.stderr.write(`the pre-shared key in use is number ${steps.at(-1)?.send}; the one before is gone\n`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { stack: { type: "string", default: "lab" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help || positionals.join(" ") !== "psk") {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  await rotatePsk(values.stack);
  return 0;
}

main().then(
  (status) => process.exit(status),
  (error: Error) => {
    process.stderr.write(`rotate: ${error.message}\n`);
    process.exit(1);
  },
);
