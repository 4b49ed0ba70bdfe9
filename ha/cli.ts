import { parseArgs } from "node:util";
import { z } from "zod";
import { stackOutputs } from "../outputs/contract";
import type { LinkEnd } from "../providers/probes/facts";
import { agentCommand, type HaStatus, haRows, isPaired, pairStatus, readSite } from "../providers/probes/ha";
import { notAsked } from "../providers/probes/service";
import { connect, type Session, SshError } from "../providers/ssh/session";
import { runPulumi } from "../toolchain/pulumi";
import { force, hold, type Pair, type PairGateway, release, switchover } from "./control";

const HELP = `usage: npm run ha -- status [--json]
       npm run ha -- switchover [site]
       npm run ha -- hold
       npm run ha -- force <site>
       npm run ha -- release

The service address, by hand. What is decided survives reboots and deployments.

  status      who has the address, who serves, and what was decided by hand
  switchover  moves the address to the site (default: the one that hasn't got it) while both are well, with no failed
              request, and prefers that site from then on; health still decides
  hold        keeps the address where it is, whatever happens: nothing takes over
  force       has the site answer at the address, whatever happens: nothing takes over
  release     takes that back; the primary has the address while it is well

  --stack     the stack (default: lab)
  --json      print one JSON value

exit status: 0 done, or the pair is in order; 1 not so; 2 there is no pair
`;

/** Longest wait for a switchover, ms: VRRP takes four advertisements, emulated machines a multiple of everything. */
const SWITCHOVER_MS = 60_000;

const wanted = stackOutputs.pick({ linkFacts: true, ha: true });
type Deployed = z.infer<typeof wanted>;

class NoPair extends Error {
  override readonly name = "NoPair";
}

async function deployed(stack: string): Promise<Deployed> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new NoPair(`the outputs of stack ${stack} cannot be read: ${stderr.trim()}`);
  const outputs = wanted.safeParse(JSON.parse(stdout));
  if (!outputs.success || outputs.data.ha === "off") {
    throw new NoPair(`stack ${stack} has no pair: crossborder:ha is "off", or nothing is deployed`);
  }
  return outputs.data;
}

/** A session that is opened when it is needed, and anew after one that broke. */
class Line {
  private session?: Session;

  constructor(readonly end: LinkEnd) {}

  async open(): Promise<Session> {
    if (this.end.outOfService) throw notAsked(this.end);
    this.session ??= await connect(this.end.connection);
    return this.session;
  }

  close(): void {
    this.session?.close();
    this.session = undefined;
  }

  async run(verb: string, ...words: string[]): Promise<void> {
    const { status, stderr } = await (await this.open()).exec(agentCommand(this.end, verb, ...words));
    if (status !== 0) throw new Error(stderr.trim().split("\n").at(-1) || `status ${status}`);
  }
}

function pairOf({ linkFacts, ha }: Deployed): { pair: Pair; close: () => void } {
  if (ha === "off") throw new NoPair("there is no pair");
  const lines = [linkFacts.initiator, linkFacts.responder].map((end) => new Line(end));
  const gateway = (line: Line): PairGateway => ({
    site: line.end.site,
    pin: (kind, site) => line.run("pin", kind, site),
    release: () => line.run("release"),
  });
  const look = async (line: Line) => {
    const session = await line.open().catch((error: unknown) => error);
    const seen = session instanceof Error ? asSshError(line.end.host, session) : (session as Session);
    const state = await readSite(line.end, seen);
    if (state.vrrp === "unreachable") line.close();
    return [line.end.site, state] as const;
  };
  const pair: Pair = {
    primary: ha.primary,
    gateways: lines.map(gateway),
    status: async () => pairStatus(ha, Object.fromEntries(await Promise.all(lines.map(look)))),
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    say: (line) => void process.stderr.write(`${line}\n`),
  };
  return { pair, close: () => lines.forEach((line) => line.close()) };
}

function asSshError(host: string, error: Error): SshError {
  return error instanceof SshError ? error : new SshError("interrupted", `${host}: ${error.message}`);
}

function table(status: HaStatus): string {
  return haRows(status)
    .map(([label, value]) => `  ${label.padEnd(12)}${value}`)
    .join("\n");
}

async function carryOut(pair: Pair, verb: string, site: string | undefined): Promise<string> {
  switch (verb) {
    case "switchover":
      return switchover(pair, site, SWITCHOVER_MS);
    case "hold":
      return hold(pair);
    case "force":
      return force(pair, site ?? "");
    default:
      return release(pair);
  }
}

/** Sites that each verb takes: none, or one that may or must be named. */
const sites: Readonly<Record<string, readonly number[]>> = {
  status: [0],
  switchover: [0, 1],
  hold: [0],
  force: [1],
  release: [0],
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "lab" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h" },
    },
  });
  const [verb = "", ...words] = positionals;
  if (values.help || !sites[verb]?.includes(words.length)) {
    (values.help ? process.stdout : process.stderr).write(HELP);
    return values.help ? 0 : 2;
  }
  const { pair, close } = pairOf(await deployed(values.stack));
  try {
    const done = verb === "status" ? undefined : await carryOut(pair, verb, words[0]);
    if (done) process.stderr.write(`${done}\n`);
    if (done && !values.json) return 0;
    const status = await pair.status();
    process.stdout.write(`${values.json ? JSON.stringify({ ha: status }) : table(status)}\n`);
    return done || isPaired(status) ? 0 : 1;
  } finally {
    close();
  }
}

main().then(
  (status) => process.exit(status),
  (error: Error) => {
    process.stderr.write(`ha: ${error.message}\n`);
    process.exit(error instanceof NoPair ? 2 : 1);
  },
);
