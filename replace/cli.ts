import { parseArgs } from "node:util";
import { stackOutputs, type StackOutputs } from "../outputs/contract";
import { deployedStatus } from "../outputs/status";
import { renderLinkStatus } from "../providers/probes/status";
import { connect } from "../providers/ssh/session";
import { SettingsError } from "../settings/parse";
import { StackSettings } from "../settings/stack";
import { runPulumi } from "../toolchain/pulumi";
import { Refused } from "./plan";
import { release } from "./protection";
import { replaceHost, type Surroundings } from "./replace";

const HELP = `usage: npm run replace -- <host> [--new-disk] [--stack <stack>] [--config-file <file>]

Brings an empty machine into the place of a host that is lost: into link, backup path, pair and replication. The machine has to be
there, at the address and with the SSH host key that the settings say; where a cloud made the lost one, it is made by this
command, with another disk and another host key, at the same address. It gets a key and a certificate of its own under another
name, so that the lost one's is accepted no more, and the other site's data. A deployment with all its checks; what is in use is
kept in the stack's settings file: commit it. Interrupted, it goes on when it is run again.

  <host>          e.g. la-gw1
  --new-disk      of a host that a cloud made: delete the lost machine and its disk, with all that is on it
  --stack         the stack (default: lab)
  --config-file   its settings file (default: the stack's own)

exit status: 0 proven: the link is up, the pair in order, the databases replicate; 1 not so; 2 refused, nothing was changed
`;

async function outputsOf(stack: string): Promise<StackOutputs> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Refused(`the outputs of stack ${stack} cannot be read: ${stderr.trim()}`);
  const outputs = stackOutputs.safeParse(JSON.parse(stdout));
  if (!outputs.success) throw new Refused(`stack ${stack} has no hosts among its outputs: was it deployed?`);
  return outputs.data;
}

async function stateOf(stack: string): Promise<string> {
  const { status, stdout, stderr } = await runPulumi(["stack", "export", "--stack", stack], { quiet: true });
  if (status !== 0) throw new Error(`the state of stack ${stack} cannot be read: ${stderr.trim()}`);
  return stdout;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "lab" },
      "config-file": { type: "string" },
      "new-disk": { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  const [host, ...more] = positionals;
  if (values.help || host === undefined || more.length > 0) {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const { stack } = values;
  const settings = new StackSettings(stack, values["config-file"]);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const world: Surroundings = {
    settings: () => settings.load(),
    deployed: async () => (await outputsOf(stack)).hosts,
    dial: (connection) => connect(connection),
    change: (setting) => settings.change(setting),
    release: (lost) =>
      release(lost, {
        run: (...args) => runPulumi([...args, ...settings.options]),
        state: () => stateOf(stack),
      }),
    deploy: () => settings.deploy(),
    status: async () => deployedStatus(await outputsOf(stack)),
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    say,
  };
  const status = await replaceHost(host, world, { newDisk: values["new-disk"] });
  process.stdout.write(`${renderLinkStatus(status)}\n`);
  say(
    `${host} is in its place. If anyone may have the lost disk: npm run rotate -- psk, then npm run rotate -- certificates --authority`,
  );
  return 0;
}

main().then(
  (status) => process.exit(status),
  (error: Error) => {
    process.stderr.write(`replace: ${error.message}\n`);
    process.exit(error instanceof Refused || error instanceof SettingsError ? 2 : 1);
  },
);
