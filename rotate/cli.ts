import { parseArgs } from "node:util";
import { z } from "zod";
import { type PostgresOutput, postgresOutput } from "../outputs/contract";
import { StackSettings, type WrittenSettings } from "../settings/stack";
import { runPulumi } from "../toolchain/pulumi";
import {
  authorityRotation,
  certificateRotation,
  passwordRotation,
  pskRotation,
  type Rotation,
} from "./rotations";

const HELP = `usage: npm run rotate -- psk|certificates [--authority]|passwords [--stack <stack>]

Replaces secrets while they are used. Each step is a deployment with all its checks. What is in use is kept in the
stack's settings file: commit it.

  psk                       the link's pre-shared key: both ends accept the old and the new one, both send the new one,
                            both drop the old one; an interrupted rotation goes on where it stopped
  certificates              the hosts' keys and certificates, in one deployment
  certificates --authority  the authority that issues them: all hosts trust the old and the new one, get certificates
                            of the new one, drop the old one; an interrupted rotation goes on where it stopped
  passwords                 the applications' logins to the database: the other login of each gets a new password, and the
                            one in use stays valid; run again, it ends the old one.
                            After a deployment that failed it goes on with that deployment

  --stack   the stack (default: lab)
`;

/** What the last deployment that went through says of the database. */
async function deployedPostgres(stack: string): Promise<PostgresOutput | undefined> {
  const { status, stdout, stderr } = await runPulumi(["stack", "output", "--json", "--stack", stack], {
    quiet: true,
  });
  if (status !== 0) throw new Error(`pulumi stack output failed:\n${stderr || stdout}`);
  return z.object({ postgres: postgresOutput.optional() }).parse(JSON.parse(stdout)).postgres;
}

async function carryOut(settings: StackSettings, { steps, outcome }: Rotation): Promise<void> {
  for (const [index, { meaning, changes }] of steps.entries()) {
    process.stderr.write(`step ${index + 1} of ${steps.length}: ${meaning}\n`);
    for (const setting of changes) await settings.change(setting);
    if (!(await settings.deploy())) {
      throw new Error(
        "the deployment of this step failed; when its cause is gone, run the same command again to go on",
      );
    }
  }
  process.stderr.write(`${outcome}\n`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "lab" },
      authority: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  const rotation = {
    psk: pskRotation,
    certificates: certificateRotation,
    "certificates --authority": authorityRotation,
    passwords: async (settings: WrittenSettings) =>
      passwordRotation(settings, await deployedPostgres(values.stack)),
  }[positionals.join(" ") + (values.authority ? " --authority" : "")];
  if (values.help || !rotation) {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const settings = new StackSettings(values.stack);
  await carryOut(settings, await rotation(await settings.written()));
  return 0;
}

main().then(
  (status) => process.exit(status),
  (error: Error) => {
    process.stderr.write(`rotate: ${error.message}\n`);
    process.exit(1);
  },
);
