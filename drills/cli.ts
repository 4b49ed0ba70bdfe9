import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { existingLab, NoLab, numberOption, UsageError } from "../lab/commands/command";
import { labDirectory } from "../toolchain/paths";
import { drills, drillsNamed } from "./catalogue";
import { missing } from "./deployment";
import { healthyLab } from "./lab/healthy";
import { LabStand } from "./lab/stand";
import type { Drill } from "./model";
import type { SiteStand } from "./siteStand";
import { impossible } from "./stack/injector";
import { StackStand } from "./stack/stand";
import { type DrillResult, nothingChecked, renderResult, renderTable } from "./report";
import { withRoom } from "./room";
import { runDrill } from "./run";

const usage = `usage: npm run drill -- <name> … [--stack NAME --clients FILE [--yes]] [--room N] [--json]
       npm run drill -- all | list

Breaks one thing on purpose while clients write, read and ask on both sites, heals it, and judges what they saw: the promises about
data, the time without service, the requests that failed. Each drill starts from the healthy lab, and leaves it healthy, also
after an interrupt; what a crashed one left in force is undone by the next command.

  list          the drills, and what each breaks
  all           every drill, one after another; those whose part isn't deployed are named and fail
  --stack NAME  the stack (default: lab). On another one only what can be done on the gateways themselves is possible
  --clients FILE   there: how to reach a host of each site that isn't its gateway (docs/drills.md)
  --yes         there: don't ask before a drill that can cost data
  --room N      bounds of time and clients' patience are N times as long, 1 to 5: for a slow or busy computer
  --json        print one JSON value; an array of several drills (with npm's --silent nothing else is printed)

Progress goes to stderr. exit status: 0 all passed, 1 one did not or could not run, 2 wrong words, or nothing to drill on
`;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function list(): string {
  const width = Math.max(...drills.map(({ name }) => name.length));
  const rows = drills.map(({ name, description, needs }) => {
    const wanted = needs.length > 0 ? `  (needs ${needs.join(", ")})` : "";
    return `${name.padEnd(width)}  ${description}${wanted}`;
  });
  return `${rows.join("\n")}\n`;
}

function chosen(words: readonly string[]): Drill[] {
  if (words.length === 0) throw new UsageError("which drill?");
  if (words.includes("all")) return [...drills];
  return words.flatMap((word) => {
    const found = drillsNamed(word);
    if (found.length === 0) throw new UsageError(`there is no drill "${word}"`);
    return found;
  });
}

async function agreed(drill: Drill): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(
    `${drill.name}: ${drill.description}. It can cost data. Type its name to go on: `,
  );
  terminal.close();
  return answer.trim() === drill.name;
}

/** A drill that has no judgement, because it could not be carried out. */
function notRun(drill: Drill, reason: string): DrillResult {
  return {
    name: drill.name,
    passed: false,
    failures: [reason],
    outageMs: {},
    failedRequests: {},
    failedBetweenMs: {},
    states: [],
    promises: nothingChecked,
    figures: [],
  };
}

/** The stack that drills are run on. */
interface Ground {
  undoLeftovers(): Promise<void>;
  open(): Promise<SiteStand>;
  /** Why a drill can't be run there; undefined when it can. */
  refuses(drill: Drill): Promise<string | undefined>;
  /** After the last drill. */
  leave(): Promise<void>;
}

function labGround(): Ground {
  const paths = existingLab();
  if (paths.lab !== labDirectory)
    throw new UsageError("drills are for the checkout's own lab: unset CROSSBORDER_LAB_DIR");
  return {
    undoLeftovers: () => LabStand.undoLeftovers(paths, say),
    open: () => LabStand.healthy(paths),
    refuses: async () => undefined,
    leave: async () => {
      say("back to the healthy lab");
      await LabStand.undoLeftovers(paths, say);
      await healthyLab(paths);
    },
  };
}

function stackGround(stack: string, clients: string | undefined, yes: boolean): Ground {
  if (clients === undefined)
    throw new UsageError(
      `--clients is missing: on stack ${stack} the drill has to know a client host of each site`,
    );
  const undoLeftovers = (): Promise<void> => StackStand.undoLeftovers(stack, say);
  return {
    undoLeftovers,
    open: () => StackStand.open(stack, clients),
    refuses: async (drill) => {
      const reason = impossible(drill);
      if (reason || !drill.destructive || yes || (await agreed(drill))) return reason;
      return "It can cost data: it wants its name typed at a terminal, or --yes.";
    },
    leave: undoLeftovers,
  };
}

async function runOne(drill: Drill, ground: Ground, signal: AbortSignal): Promise<DrillResult> {
  say(`${drill.name}: ${drill.description}`);
  await ground.undoLeftovers();
  const refusal = await ground.refuses(drill);
  if (refusal !== undefined) return notRun(drill, refusal);
  const stand = await ground.open();
  try {
    const lacks = missing(drill.needs, stand.deployed);
    return lacks.length > 0 ? notRun(drill, lacks.join(" ")) : await runDrill(drill, stand, signal, say);
  } finally {
    stand.close();
  }
}

/** Runs drills until they are done or interrupted. The handlers stay until everything is undone. */
async function runAll(
  wanted: readonly Drill[],
  ground: Ground,
): Promise<{ results: DrillResult[]; left: boolean }> {
  const interruption = new AbortController();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const onSignal = (): void => {
    if (!interruption.signal.aborted) say("interrupted: faults are undone first");
    interruption.abort(new Error("interrupted"));
  };
  for (const name of signals) process.on(name, onSignal);
  try {
    const results: DrillResult[] = [];
    for (const drill of wanted) {
      if (interruption.signal.aborted) break;
      results.push(
        await runOne(drill, ground, interruption.signal).catch((error: unknown) =>
          notRun(drill, messageOf(error)),
        ),
      );
      say(renderResult(results.at(-1)!));
    }
    const left = await ground.leave().then(
      () => true,
      (error: unknown) => {
        say(`the stack isn't as it was: ${messageOf(error)}`);
        return false;
      },
    );
    return { results, left };
  } finally {
    for (const name of signals) process.removeListener(name, onSignal);
  }
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "lab" },
      clients: { type: "string" },
      list: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      room: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.list || positionals[0] === "list") {
    process.stdout.write(
      values.json
        ? `${JSON.stringify(drills.map(({ name, description, needs, destructive }) => ({ name, description, needs, destructive })))}\n`
        : list(),
    );
    return 0;
  }
  const room = numberOption("room", values.room, 1, 5) ?? 1;
  const wanted = chosen(values.all ? ["all", ...positionals] : positionals).map((drill) =>
    withRoom(drill, room),
  );
  const ground = values.stack === "lab" ? labGround() : stackGround(values.stack, values.clients, values.yes);
  const { results, left } = await runAll(wanted, ground);
  const single = results.length === 1;
  if (values.json) process.stdout.write(`${JSON.stringify(single ? results[0] : results)}\n`);
  else process.stdout.write(single ? `${renderResult(results[0]!)}\n` : `${renderTable(results)}\n`);
  return left && results.length === wanted.length && results.every(({ passed }) => passed) ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    const misused = error instanceof UsageError || (code?.startsWith?.("ERR_PARSE_ARGS") ?? false);
    say(`${messageOf(error)}${misused ? "\nsee: npm run drill -- --help" : ""}`);
    process.exitCode = misused || error instanceof NoLab ? 2 : 1;
  },
);
