import { parseArgs } from "node:util";
import { existingLab, NoLab, UsageError, wholeNumberOption } from "../lab/commands/command";
import { bringUp } from "../lab/up";
import { labDirectory } from "../toolchain/paths";
import { step } from "../toolchain/steps";
import { mustPulumi, upArguments } from "./deployments";
import { benchConnections } from "./connections";
import { benchFailover } from "./failover";
import { holds, renderFigures } from "./figure";
import { withBenchLab } from "./lab";
import { benchLink, type LinkOptions, type LinkResult } from "./link";
import { settle, settleAfterBoot } from "./settling";

const usage = `usage: npm run bench -- link [--runs N] [--quick] [--json]
       npm run bench -- failover [--runs N] [--json]
       npm run bench -- connections [--json]

Measures on the running lab what is promised, each figure with its bound.

  link         round trips over the tunnel and beside it, deployments and the SSH logins that they take, how soon a cut of the whole
               path is noticed and how soon traffic is back, with BFD and without; about 20 minutes
  failover     how soon the backup path, the other site and the tunnel take over, and what a switchover costs; the same
               with fast adverts, and without BFD: the drills behind them, several times; about an hour; needs crossborder:backup
               and crossborder:ha
  connections  5,000 connections through the gateways' proxies, at rest and when the tunnel is cut; emulated machines are booted with
               their time slowed for it, and booted again after it; needs crossborder:backup

  --runs N   link: deployments without changes, and cuts of 10 s; failover: runs of each drill; 1 to 100 (default: 5)
  --quick    link: leave out the cut of 300 s, and compare with a BGP hold time of 60 s in place of 180 s
  --json     print one JSON value (with npm's --silent nothing else is printed)

They destroy and deploy the stack \`lab\`, cut its ocean, and take its machines' power. Afterwards the machines run as usual, the ocean is
healed, at 84 ms, and the lab's own settings are deployed, also after an interrupt. Progress goes to stderr.

exit status: 0 all bounds hold, 1 one was missed or the bench failed, 2 there is no lab
`;

/** What can be measured, by its name. */
const benches: Readonly<Record<string, (options: LinkOptions, signal: AbortSignal) => Promise<LinkResult>>> =
  {
    link: (options, signal) => withBenchLab((lab) => benchLink(lab, options, signal)),
    failover: ({ runs }, signal) => benchFailover(runs, signal),
    connections: (_, signal) => benchConnections(signal),
  };

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Brings the usual machines up, heals the ocean and deploys the lab's own settings, over new sessions: the former may be what broke. */
async function putBack(): Promise<void> {
  const { booted } = await bringUp();
  await step("put the lab back as it was", {}, async () => {
    const never = new AbortController().signal;
    await withBenchLab((lab) => lab.ocean.heal());
    // A change undoes itself when BGP is not soon up, and slow timers may still hold BGP back after a cut. A link that isn't
    // there at all fails at once, and is deployed; daemons that just started get their time.
    const settled = booted.length > 0 ? settleAfterBoot(never) : withBenchLab((lab) => settle(lab, never));
    await settled.catch(() => undefined);
    await mustPulumi(upArguments);
    await withBenchLab((lab) => settle(lab, never));
  });
}

/** @returns undefined when the bench failed, which has been said then. */
async function measure(name: string, options: LinkOptions): Promise<LinkResult | undefined> {
  const interruption = new AbortController();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  // The handler stays until the lab is put back: an impatient second interrupt must not leave it cut.
  const onSignal = (): void => {
    if (!interruption.signal.aborted) process.stderr.write("interrupted: the lab is put back first\n");
    interruption.abort(new Error("interrupted"));
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    // Machines whose time somebody has slowed would measure something else.
    const begun = bringUp().then(() => {
      interruption.signal.throwIfAborted();
      return benches[name]!(options, interruption.signal);
    });
    const outcome = await begun.catch((error: unknown) => {
      // Said at once: putting the lab back takes a while, and may fail for the same reason.
      process.stderr.write(`the bench failed: ${messageOf(error)}\n`);
      return undefined;
    });
    await putBack();
    return outcome;
  } finally {
    for (const signal of signals) process.removeListener(signal, onSignal);
  }
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      runs: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [name = "", ...more] = positionals;
  if (more.length > 0 || !benches[name]) throw new UsageError(`there is no bench "${positionals.join(" ")}"`);
  const runs = wholeNumberOption("runs", values.runs, 1, 100) ?? 5;
  if (existingLab().lab !== labDirectory)
    throw new UsageError("the bench is for the checkout's own lab: unset CROSSBORDER_LAB_DIR");
  // One that doesn't answer is for its owner to bring up, and nothing is there to be put back.
  await withBenchLab(() => Promise.resolve());
  const result = await measure(name, { runs, quick: values.quick });
  if (!result) return 1;
  const { figures, notes } = result;
  const ok = figures.every(holds);
  const judged = figures.map((one) => ({ ...one, ok: holds(one) }));
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ bench: name, ok, figures: judged, notes })}\n`
      : `${renderFigures(figures)}\n\n${notes.join("\n")}\n`,
  );
  return ok ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    const misused = error instanceof UsageError || (code?.startsWith?.("ERR_PARSE_ARGS") ?? false);
    process.stderr.write(`${messageOf(error)}${misused ? "\nsee: npm run bench -- --help" : ""}\n`);
    process.exitCode = misused || error instanceof NoLab ? 2 : 1;
  },
);
