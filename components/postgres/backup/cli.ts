import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { deployedDatabases, endOf } from "../../../providers/postgres/deployed";
import { connect } from "../../../providers/ssh/session";
import { backupTable, createBackup, listBackups, restoreBackup, testBackup } from "./remote";

const usage = `usage: npm run backup -- create  --site <site>
       npm run backup -- list    --site <site> [--json]
       npm run backup -- test    --site <site> <label>
       npm run backup -- restore --site <site> <label> [--yes]

Base backups of a site's database server, on its own host. \`create\` makes one and checks it against its manifest. \`test\` starts
a copy of it apart from everything and reads every replicated table. \`restore\` puts it in the server's place, keeps what was
there beside it, and leaves the site refusing writes: \`npm run resync\` then brings it up to date.

  --stack <stack>  the stack (default: lab)
  --yes            don't ask before restoring

exit status: 0 done, 1 failed, 2 stopped or wrongly called`;

async function confirmed(text: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error(`${text}; say --yes to do it`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(`${text}. Go on? yes / no: `)).trim() === "yes";
  } finally {
    lines.close();
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "lab" },
      site: { type: "string" },
      json: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [verb, label] = positionals;
  const wanted = { create: 1, list: 1, test: 2, restore: 2 }[verb ?? ""];
  if (values.help || wanted !== positionals.length) {
    process[values.help ? "stdout" : "stderr"].write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const facts = await deployedDatabases(values.stack);
  const end = endOf(facts, values.site, "--site");
  const peer = end === facts.primary ? facts.secondary : facts.primary;
  const session = await connect(end.connection);
  try {
    if (verb === "create" || verb === "test") {
      const backup =
        verb === "create" ? await createBackup(session, end) : await testBackup(session, end, label!);
      console.log(values.json ? JSON.stringify(backup) : backupTable([backup]));
    } else if (verb === "list") {
      const backups = await listBackups(session, end);
      console.log(values.json ? JSON.stringify(backups) : backupTable(backups));
    } else {
      const text = `${end.host}: the database server is stopped and ${label} takes the place of its data`;
      if (!values.yes && !(await confirmed(text))) return 2;
      const { kept } = await restoreBackup(session, end, label!);
      console.log(
        `${end.site} runs on ${label}${kept ? `; what was there is in ${kept}` : ""}. It refuses writes until it is brought up to date:\n` +
          `npm run resync -- --stack ${values.stack} --from ${peer.site} --to ${end.site}`,
      );
    }
    return 0;
  } finally {
    session.close();
  }
}

main().then(
  (status) => (process.exitCode = status),
  (error: unknown) => {
    console.error(`backup: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  },
);
