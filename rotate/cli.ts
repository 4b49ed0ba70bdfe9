import { parseArgs } from "node:util";
import { StackSettings } from "../settings/stack";
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
                            one in use stays valid; run again, it ends the old one

  --stack   the stack (default: lab)
`;

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
    passwords: passwordRotation,
  }[positionals.join(" ") + (values.authority ? " --authority" : "")];
  if (values.help || !rotation) {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const settings = new StackSettings(values.stack);
  await carryOut(settings, rotation(await settings.written()));
  return 0;
}

main().then(
  (status) => process.exit(status),
  (error: Error) => {
    process.stderr.write(`rotate: ${error.message}\n`);
    process.exit(1);
  },
);
