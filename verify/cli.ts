import { parseArgs } from "node:util";
import { type HostOutput, stackOutputs } from "../outputs/contract";
import { connect } from "../providers/ssh/session";
import { runPulumi } from "../toolchain/pulumi";
import { verifyHosts } from "./drift";
import { exitStatus, table } from "./report";

const usage = `usage: npm run verify -- [--stack NAME] [--json]

Compares every host of a stack with what was deployed on it: files, kernel settings, units, and what each component
checks besides. Changes nothing.

  --stack NAME  the stack (default: lab)
  --json        print one JSON value

exit status: 0 as deployed, 1 drifted, 2 cannot tell`;

/** The hosts that a stack deployed to. @throws Error when the stack cannot be read. */
async function deployedHosts(stack: string): Promise<HostOutput[]> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the outputs of stack ${stack} cannot be read: ${stderr.trim()}`);
  const hosts = stackOutputs.shape.hosts.safeParse((JSON.parse(stdout) as { hosts?: unknown }).hosts);
  if (!hosts.success) throw new Error(`stack ${stack} has no hosts among its outputs: was it deployed?`);
  return hosts.data;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      stack: { type: "string", default: "lab" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const reports = await verifyHosts(await deployedHosts(values.stack), (connection) => connect(connection));
  console.log(values.json ? JSON.stringify({ stack: values.stack, hosts: reports }) : table(reports));
  return exitStatus(reports);
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  },
);
