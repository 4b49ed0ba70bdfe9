import { parseArgs } from "node:util";
import { deployedDatabases, endOf } from "../providers/postgres/deployed";
import type { DatabaseEnd } from "../providers/postgres/facts";
import { notAsked } from "../providers/probes/service";
import { openDatabase } from "../providers/postgres/psql";
import { connect, type Session } from "../providers/ssh/session";
import type { Answers, Question, Standing } from "./plan";
import { operatorAt } from "./questions";
import type { Side } from "./replication";
import { repair, resync } from "./resync";

const usage = `usage: npm run resync -- --from <site> --to <site> [options]
       npm run resync -- repair [--prefer <site>] [options]

Brings a site back whose replication was lost: compares the rows of both, merges what only --to has into --from by the times of
the commits, makes the rows of --to those of --from, and renews the slots. --to refuses writes meanwhile; both are read all the
time. What time can't decide is asked. \`repair\` makes rows equal that differ though both sites replicate: the newer version
stands, and a row stands against none.

  --stack <stack>            the stack (default: lab)
  --dry-run                  say what would be done, change nothing
  --record <file>            takes what is overridden, one JSON value a line (default: a new file here)
  --prefer <site>            repair: this site's rows stand, whatever the times say
  --unordered <side>         answers to what may be asked, each source (--from) or target (--to):
  --deleted-on-source <side>   rows that only --to has, and --from may have deleted
  --deleted-on-target <side>   rows that only --from has, and --to may have deleted
  --leave-out                go on without rows of --to that constraints of --from refuse

exit status: 0 the rows are the same, 1 they are not, or something failed, 2 stopped or wrongly called`;

function standing(option: Question, value: string | undefined): Standing | undefined {
  if (value === undefined || value === "source" || value === "target") return value;
  throw new Error(`--${option}: ${value}; allowed: source, target`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "lab" },
      from: { type: "string" },
      to: { type: "string" },
      prefer: { type: "string" },
      record: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      "leave-out": { type: "boolean", default: false },
      unordered: { type: "string" },
      "deleted-on-source": { type: "string" },
      "deleted-on-target": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const repairing = positionals[0] === "repair";
  if (
    values.help ||
    positionals.length > (repairing ? 1 : 0) ||
    (!repairing && !(values.from && values.to))
  ) {
    process[values.help ? "stdout" : "stderr"].write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const answers: Answers = {
    unordered: standing("unordered", values.unordered),
    "deleted-on-source": standing("deleted-on-source", values["deleted-on-source"]),
    "deleted-on-target": standing("deleted-on-target", values["deleted-on-target"]),
  };
  const facts = await deployedDatabases(values.stack);
  const source = repairing ? facts.primary : endOf(facts, values.from, "--from");
  const target = repairing ? facts.secondary : endOf(facts, values.to, "--to");
  if (source === target) throw new Error(`--from and --to are both ${source.site}`);
  const verb = repairing ? "repair" : "resync";
  const time = new Date().toISOString().replaceAll(/[:.]/g, "-");
  const recordFile = values.record ?? `${verb}-${values.stack}-${time}.jsonl`;
  const sites = { source: source.site, target: target.site };
  const operator = operatorAt(process.stdin.isTTY === true, sites, {
    answers,
    leaveOut: values["leave-out"],
  });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const options = { dryRun: values["dry-run"], recordFile };
  const sessions: Session[] = [];
  const open = async (end: DatabaseEnd): Promise<Side> => {
    if (end.outOfService) throw notAsked(end);
    const session = await connect(end.connection);
    sessions.push(session);
    return { end, database: openDatabase(session, end, facts, "superuser") };
  };
  try {
    const a = await open(source);
    const b = await open(target);
    if (!repairing) {
      const rows = await resync(a, b, options, operator, sleep);
      if (rows === undefined) return options.dryRun ? 0 : 2;
      operator.say(`${rows.differences.length} rows differ; what was overridden is in ${recordFile}`);
      return rows.differences.length === 0 ? 0 : 1;
    }
    const prefer: Standing | undefined =
      values.prefer === undefined
        ? undefined
        : endOf(facts, values.prefer, "--prefer") === source
          ? "source"
          : "target";
    const { found, repaired } = await repair(a, b, { ...options, prefer }, operator, sleep);
    operator.say(`${found} rows differed, ${repaired} were made equal`);
    return found === repaired ? 0 : 1;
  } finally {
    for (const session of sessions) session.close();
  }
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(`resync: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  },
);
