import { join } from "node:path";
import { z } from "zod";
import { runCommand } from "../../drills/command";
import { run } from "../../lab/sessions";
import { replicationStatus } from "../../providers/probes/replicationStatus";
import type { Session } from "../../providers/ssh/session";
import { labDirectory } from "../../toolchain/paths";
import { deployedLab, outputs } from "../lab/support/deployed";
import { deploy, up } from "../lab/support/deployment";
import { eventually, type Lab, labTimeoutMs } from "../lab/support/lab";
import { asApplication, eventuallySays, sql, takeWrites } from "./sql";

const minute = 60_000;

let l: Lab;
const both = () => [l.la, l.sg];

/** Rows of this file's tests, by key, as both sites have them. */
const ROWS = "SELECT coalesce(string_agg(id || ' ' || note, ', ' ORDER BY id), '') FROM app.kept";

beforeAll(async () => {
  l = await deployedLab();
  await takeWrites(l);
  const table = "CREATE TABLE kept (id integer PRIMARY KEY, note text NOT NULL)";
  await sql(l.la, `SET ROLE app_owner; SET search_path = app; SELECT crossborder.ddl('${table}')`);
  await eventuallySays(l.sg, "SELECT to_regclass('app.kept') IS NOT NULL", "t", minute);
}, labTimeoutMs);
afterAll(() => l.close());

/** Writes as an application does. @returns what the server said, empty when it did it. */
async function write(on: Session, statement: string, database?: string): Promise<string> {
  return (await asApplication(on, statement, { database })).text;
}

async function status() {
  const { postgresFacts } = await outputs();
  if (postgresFacts === "off") throw new Error("there is no database");
  return replicationStatus(postgresFacts);
}

function isHealthy(): Promise<void> {
  return eventually("replication is up", async () => (await status()).state === "up", 3 * minute, 2000);
}

/** A record of what a command overrides, that no run before has begun. */
function record(name: string): string {
  return join(labDirectory, `test-${name}-${Date.now()}.jsonl`);
}

test(
  "a slot that vanished is named with the way out, and a resync merges what could not be sent",
  async () => {
    await write(l.la, "INSERT INTO kept VALUES (1, 'first')");
    await eventuallySays(l.sg, ROWS, "1 first", minute);
    await sql(l.la, "SELECT pglogical.alter_subscription_disable('from_sg', true)");
    const slots = "FROM pg_replication_slots WHERE slot_name = 'pgl_app_sg_from_sg'";
    await eventuallySays(l.sg, `SELECT active ${slots}`, "f", minute);
    await sql(l.sg, `SELECT pg_drop_replication_slot(slot_name) ${slots}`);
    await write(
      l.sg,
      "INSERT INTO kept VALUES (2, 'only here'); UPDATE kept SET note = 'newer' WHERE id = 1",
    );
    await sql(l.la, "SELECT pglogical.alter_subscription_enable('from_sg', true)");

    const { state, diagnosis } = await status();
    expect(state).toBe("down");
    expect(JSON.stringify(diagnosis)).toContain("the slot pgl_app_sg_from_sg is gone");
    expect(JSON.stringify(diagnosis)).toContain("npm run resync -- --from la --to sg");
    await eventually(
      "the gateway itself tells of it",
      async () =>
        (await run(l.sg, "cat /var/lib/crossborder/postgres-watch/wal-bound.json")).includes(
          "the slot pgl_app_sg_from_sg is gone",
        ),
      2 * minute,
    );

    // Nothing of it is a question: time decides.
    await runCommand("resync", ["--from", "la", "--to", "sg", "--record", record("resync")]);
    for (const host of both()) expect(await sql(host, ROWS)).toBe("1 newer, 2 only here");
    await isHealthy();
    expect(await write(l.sg, "INSERT INTO kept VALUES (3, 'goes on')")).toBe("");
    await eventuallySays(l.la, ROWS, "1 newer, 2 only here, 3 goes on", minute);
    await sql(l.la, "TRUNCATE app.kept");
    await eventuallySays(l.sg, ROWS, "", minute);
  },
  10 * minute,
);

test(
  "a base backup can be tried out and put back; what only time could not decide is asked before anything is changed",
  async () => {
    const backup = z.object({
      label: z.string(),
      tested: z.object({ rows: z.record(z.string(), z.number()) }).nullable(),
    });
    const command = async (...words: string[]) =>
      backup.parse(JSON.parse(await runCommand("backup", [...words, "--site", "la", "--json"])));
    await write(l.la, "INSERT INTO kept VALUES (10, 'before')");
    const { label } = await command("create");
    expect((await command("test", label)).tested!.rows["app.kept"]).toBe(1);
    await write(l.la, "INSERT INTO kept VALUES (11, 'after')");
    await eventuallySays(l.sg, ROWS, "10 before, 11 after", minute);

    await runCommand("backup", ["restore", "--site", "la", label, "--yes"]);
    expect(await sql(l.la, ROWS)).toBe("10 before");
    expect(await write(l.la, "INSERT INTO kept VALUES (12, 'no')")).toContain("resync");
    // It replicates nothing by itself: it would pass over what it lacks.
    expect(await sql(l.la, "SELECT status FROM pglogical.show_subscription_status()")).toBe("disabled");

    const words = ["--from", "sg", "--to", "la", "--record", record("restore")];
    await expect(runCommand("resync", words)).rejects.toThrow(/status 2:[^]*deleted-on-target/);
    expect(await sql(l.la, ROWS)).toBe("10 before");
    expect(await sql(l.sg, ROWS)).toBe("10 before, 11 after");
    expect(await write(l.la, "INSERT INTO kept VALUES (12, 'no')")).toContain("resync");
    await runCommand("resync", [...words, "--deleted-on-target", "source"]);
    for (const host of both()) expect(await sql(host, ROWS)).toBe("10 before, 11 after");
    await isHealthy();
    await eventually(
      "the site takes writes again",
      async () => (await write(l.la, "INSERT INTO kept VALUES (13, 'again') ON CONFLICT DO NOTHING")) === "",
      3 * minute,
      2000,
    );
    await eventuallySays(l.sg, ROWS, "10 before, 11 after, 13 again", minute);
  },
  20 * minute,
);

test(
  "a clock that is 30 s off closes its site to writes at once, and opens it when it is right again",
  async () => {
    await run(l.sg, `date -s "@$(($(date +%s) + 30))"`);
    await eventually(
      "writes are refused because of the clock",
      async () => (await write(l.sg, "UPDATE kept SET note = note")).includes("Closed for: clock"),
      10_000,
    );
    expect(await sql(l.sg, "SELECT count(*) FROM app.kept")).not.toBe("");
    expect(await write(l.la, "UPDATE kept SET note = note")).toBe("");
    // chrony steps it back by itself.
    await eventuallySays(l.sg, "SELECT count(*) FROM crossborder.closed", "0", 5 * minute);
    const [la, sg] = await Promise.all(both().map(async (host) => Number(await run(host, "date +%s.%N"))));
    expect(Math.abs(la! - sg!)).toBeLessThan(2);
    expect(await write(l.sg, "UPDATE kept SET note = note")).toBe("");
  },
  8 * minute,
);

test(
  "where one site writes it is the one that serves: a switchover moves writes with the address",
  async () => {
    await deploy({ "postgres.writers": "primary" });
    const write1 = "UPDATE kept SET note = note";
    expect(await write(l.sg, write1)).toContain("Closed for: standby");
    expect(await write(l.la, write1)).toBe("");
    try {
      await runCommand("ha", ["switchover", "sg"]);
      await eventually("sg writes", async () => (await write(l.sg, write1)) === "", 30_000, 1000);
      await eventually(
        "la doesn't",
        async () => (await write(l.la, write1)).includes("Closed for: standby"),
        30_000,
        1000,
      );
    } finally {
      await runCommand("ha", ["release"]);
    }
    await eventually("la writes again", async () => (await write(l.la, write1)) === "", 2 * minute, 1000);
    await deploy();
  },
  12 * minute,
);

test(
  "a database that somebody else made is taken over with its rows, and only where the settings say so",
  async () => {
    await deploy({ ha: undefined, postgres: undefined, "services.postgres": undefined });
    for (const host of both()) await run(host, "systemctl start postgresql@15-main.service");
    await sql(
      l.la,
      "CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
      "postgres",
    );
    await sql(
      l.la,
      `CREATE TABLE orders (id serial PRIMARY KEY, note text);
       INSERT INTO orders (note) SELECT 'old' FROM generate_series(1, 100);
       CREATE VIEW latest AS SELECT max(id) AS id FROM orders;
       CREATE TABLE lines (line text);
       INSERT INTO lines VALUES ('without a key');`,
      "shop",
    );
    const shop = {
      "postgres.database": "shop",
      "postgres.applications": [{ name: "app", schemas: ["public"] }, { name: "drill" }],
    };
    const refused = await up(shop);
    expect(refused.status).not.toBe(0);
    expect(refused.output).toContain("crossborder:postgres.adopt must be true");

    await deploy({ ...shop, "postgres.adopt": true });
    const counted = (host: Session) =>
      sql(
        host,
        "SELECT (SELECT count(*) FROM orders), (SELECT id FROM latest), (SELECT count(*) FROM lines)",
        "shop",
      );
    expect(await counted(l.la)).toBe("100|100|1");
    // Without a key, rows stay where they are.
    expect(await counted(l.sg)).toBe("100|100|0");
    for (const host of both()) {
      expect(await write(host, "INSERT INTO orders (note) VALUES ('new')", "shop")).toBe("");
    }
    for (const host of both()) {
      await eventually(
        "both sites have both new rows",
        async () => (await sql(host, "SELECT count(*) FROM orders WHERE note = 'new'", "shop")) === "2",
        minute,
      );
    }
  },
  30 * minute,
);
