import { run } from "../../lab/sessions";
import { sites } from "../../lab/network/plan";
import { everything, ipsec } from "../../drills/faults";
import { replicationStatus } from "../../providers/probes/replicationStatus";
import type { Session } from "../../providers/ssh/session";
import { asApplication, eventuallySays, sql, takeWrites } from "./sql";
import { deployedLab, outputs } from "../lab/support/deployed";
import { deploy, pulumi, up } from "../lab/support/deployment";
import { eventually, type Lab, labTimeoutMs } from "../lab/support/lab";

const minute = 60_000;

let l: Lab;
const both = () => [l.la, l.sg];

beforeAll(async () => {
  l = await deployedLab();
  await takeWrites(l);
}, labTimeoutMs);
afterAll(() => l.close());

/** Changes the structure of both sites as the application's owner. */
async function ddl(on: Session, statement: string): Promise<{ status: number; text: string }> {
  const call = `SET ROLE app_owner; SET search_path = app; SELECT crossborder.ddl('${statement}')`;
  const { status, stdout, stderr } = await on.exec(
    `cd / && runuser -u postgres -- psql -X -q -At -v ON_ERROR_STOP=1 -d app -c "${call}"`,
  );
  return { status: status ?? 1, text: (stdout + stderr).trim() };
}

describe("the replicated database", () => {
  it(
    "replicates both ways what applications write, with numbers of each site's own",
    async () => {
      const made = await ddl(l.la, "CREATE TABLE item (id bigserial PRIMARY KEY, origin text NOT NULL)");
      expect(made).toMatchObject({ status: 0 });
      await eventuallySays(l.sg, "SELECT to_regclass('app.item') IS NOT NULL", "t");
      for (const [site, host] of [
        ["la", l.la],
        ["sg", l.sg],
      ] as const) {
        for (let row = 0; row < 3; row++) {
          expect(await asApplication(host, `INSERT INTO item (origin) VALUES ('${site}')`)).toMatchObject({
            status: 0,
          });
        }
      }
      for (const host of both()) {
        await eventuallySays(
          host,
          "SELECT string_agg(origin || id % 2, ' ' ORDER BY origin, id) FROM app.item",
          "la1 la1 la1 sg0 sg0 sg0",
        );
      }
    },
    3 * minute,
  );

  it(
    "takes nobody without proof, and a certificate for nothing else",
    async () => {
      const dsn = JSON.parse(await run(l.la, "cat /etc/crossborder/postgres/subscription.json")) as {
        dsn: string;
      };
      const attempt = async (on: Session, change: (dsn: string) => string) =>
        (
          await on.exec(
            `cd / && runuser -u postgres -- psql -X -At "${change(dsn.dsn)}" -c 'SELECT current_user' 2>&1`,
          )
        ).stdout.trim();
      expect(await attempt(l.la, (whole) => whole)).toBe("crossborder_replication");
      for (const change of [
        (whole: string) => whole.replace("user=crossborder_replication", "user=postgres"),
        (whole: string) => whole.replace("user=crossborder_replication", "user=app_a"),
        (whole: string) => whole.replace("user=crossborder_replication", "user=crossborder_monitor"),
        (whole: string) => whole.replace("dbname=app", "dbname=postgres"),
        (whole: string) => whole.replace(/sslcert=\S+ sslkey=\S+/, "sslcert=/nowhere sslkey=/nowhere"),
        // Its own server doesn't take a site's certificate for the other's.
        (whole: string) => whole.replace("host=sg-gw1", "host=la-gw1").replace(/ port=\d+/, " port=5432"),
      ]) {
        expect(await attempt(l.la, change)).toMatch(/FATAL|fe_sendauth/);
      }
      for (const host of both()) {
        expect(await sql(host, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'")).toBe(
          "0",
        );
      }
    },
    2 * minute,
  );

  it(
    "lets applications read and write, and nothing else",
    async () => {
      for (const statement of [
        "CREATE TABLE mine (id integer)",
        "SELECT crossborder.ddl('CREATE TABLE mine (id integer)')",
        "SELECT pglogical.replicate_ddl_command('SET ROLE none')",
        "SELECT crossborder.set_writable(false)",
        "SET ROLE app_owner",
        "COPY item TO PROGRAM 'cat'",
      ]) {
        expect((await asApplication(l.la, statement)).text).toMatch(
          /permission denied|must be superuser or have privileges of the pg_execute_server_program role/,
        );
      }
    },
    minute,
  );

  it(
    "reports a table without a key, an extra unique constraint, and a change on one site only",
    async () => {
      await ddl(l.la, "CREATE TABLE keyless (line text)");
      await ddl(l.la, "CREATE TABLE person (id bigserial PRIMARY KEY, email text UNIQUE)");
      await sql(l.la, "ALTER TABLE app.item ADD COLUMN here_only integer");
      const found = await sql(
        l.la,
        "SELECT string_agg(kind || ' ' || subject, ', ' ORDER BY kind) FROM crossborder.problems",
      );
      expect(found).toBe("drift app.item, extra unique app.person, no key app.keyless");
      const metrics = "/var/lib/prometheus/node-exporter/crossborder_postgres_wal_bound.prom";
      const told = ["drift", "extra unique", "no key"].map(
        (kind) => `crossborder_postgres_problems{site="la",host="la-gw1",kind="${kind}"} 1`,
      );
      await eventually(
        "the metrics tell of all three",
        async () => (await run(l.la, `grep problems{ ${metrics} || true`)).trim() === told.join("\n"),
        minute,
      );
      // The same on the other site, and the drift is no more.
      await sql(l.sg, "ALTER TABLE app.item ADD COLUMN here_only integer");
      for (const host of both()) await sql(host, "DELETE FROM crossborder.drift");
      const [la, sg] = await Promise.all(
        both().map((host) => sql(host, "SELECT * FROM crossborder.structure() ORDER BY 1")),
      );
      expect(la).toBe(sg);
    },
    3 * minute,
  );

  it(
    "goes on after the same change on both sites at once",
    async () => {
      const statement = "ALTER TABLE item ADD COLUMN twice integer DEFAULT 1";
      // Neither can have arrived at the other when that one begins.
      await l.ocean.cut(everything);
      try {
        for (const host of both()) expect(await ddl(host, statement)).toMatchObject({ status: 0 });
      } finally {
        await l.ocean.heal();
      }
      for (const host of both()) {
        await eventuallySays(
          host,
          "SELECT string_agg(outcome, ' ' ORDER BY outcome) FROM crossborder.ddl WHERE statement LIKE '%twice%'",
          "applied repeated",
          2 * minute,
        );
        await eventuallySays(host, "SELECT status FROM pglogical.show_subscription_status()", "replicating");
      }
    },
    4 * minute,
  );

  it(
    "refuses a change that rows on their way would not fit, and takes it when the other site is quiet",
    async () => {
      const drop = "ALTER TABLE item DROP COLUMN twice";
      expect((await ddl(l.la, drop)).text).toContain("app.item without column twice integer");
      await sql(l.sg, "SELECT crossborder.set_writable(false, 'ddl')");
      expect((await asApplication(l.sg, "INSERT INTO item (origin) VALUES ('no')")).text).toContain(
        "site sg takes no writes now",
      );
      await eventuallySays(l.la, "SELECT writable FROM crossborder.site WHERE name = 'sg'", "f");
      expect(await ddl(l.la, drop)).toMatchObject({ status: 0 });
      await eventuallySays(
        l.sg,
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'app.item'::regclass AND attname = 'twice'",
        "0",
      );
      expect(await sql(l.sg, "SELECT crossborder.set_writable(true, 'ddl')")).toBe("t");
    },
    2 * minute,
  );

  it(
    "carries rows and changes of structure over a cut of the tunnel",
    async () => {
      await l.ocean.cut(ipsec);
      try {
        await ddl(l.la, "ALTER TABLE item ADD COLUMN during_cut integer DEFAULT 7");
        await asApplication(l.la, "INSERT INTO item (origin) VALUES ('cut')");
        await eventuallySays(l.sg, "SELECT count(*) FROM app.item WHERE origin = 'cut'", "1", minute);
      } finally {
        await l.ocean.heal();
      }
      expect(await sql(l.sg, "SELECT during_cut FROM app.item WHERE origin = 'cut'")).toBe("7");
    },
    3 * minute,
  );
});

describe("what watches the database", () => {
  it(
    "measured replication in the deployment, and finds it healthy now",
    async () => {
      const { postgres, postgresFacts } = await outputs();
      if (postgres === "off" || postgresFacts === "off") throw new Error("there is no database");
      expect(postgres).toMatchObject({ verdict: "up", unchecked: [] });
      const lags = ["la_to_sg", "sg_to_la"].map((way) => (postgres[way] as { lagMs: number }).lagMs);
      for (const lagMs of lags) expect(lagMs).toBeLessThanOrEqual(postgresFacts.lagBudgetMs);
      // Out of the sum falls what the clocks differ by: no row is faster than the ocean.
      expect(lags[0]! + lags[1]!).toBeGreaterThan(70);
      expect(await replicationStatus(postgresFacts)).toMatchObject({ state: "up", diagnosis: [] });
    },
    3 * minute,
  );

  it(
    "sees each site's beats at the other, and a clock that lets it write",
    async () => {
      for (const [host, peer] of [
        [l.la, "sg"],
        [l.sg, "la"],
      ] as const) {
        const age = `SELECT clock_timestamp() - beat_at < interval '25 s' FROM crossborder.heartbeat WHERE site = '${peer}'`;
        await eventuallySays(host, age, "t", minute);
        const gate = await run(host, "cat /var/lib/crossborder/postgres-watch/clock-gate.json");
        expect(JSON.parse(gate)).toMatchObject({ state: "open", applied: true });
        const wal = await run(host, "cat /var/lib/crossborder/postgres-watch/wal-bound.json");
        expect(JSON.parse(wal)).toMatchObject({ state: "ok" });
      }
    },
    2 * minute,
  );

  it(
    "records a conflict on both sites, once, with the write that lost",
    async () => {
      await sql(l.la, "INSERT INTO app.item (id, origin) VALUES (1000001, 'seed')");
      await eventuallySays(l.sg, "SELECT count(*) FROM app.item WHERE id = 1000001", "1");
      const change = (host: Session, peer: string, enable: boolean) =>
        sql(host, `SELECT pglogical.alter_subscription_${enable ? "en" : "dis"}able('from_${peer}', true)`);
      await Promise.all([change(l.la, "sg", false), change(l.sg, "la", false)]);
      await sql(l.la, "UPDATE app.item SET origin = 'first' WHERE id = 1000001");
      await sql(l.sg, "UPDATE app.item SET origin = 'second' WHERE id = 1000001");
      await Promise.all([change(l.la, "sg", true), change(l.sg, "la", true)]);
      for (const [host, recorded] of [
        [l.la, "update_update|apply_remote|la|first"],
        [l.sg, "update_update|keep_local|la|first"],
      ] as const) {
        const lost = "CASE resolution WHEN 'apply_remote' THEN local_row ELSE remote_row END ->> 'origin'";
        const query = `SELECT kind, resolution, loser, ${lost} FROM crossborder.conflict WHERE key ->> 'id' = '1000001'`;
        await eventuallySays(host, query, recorded, minute);
        expect(await sql(host, "SELECT origin FROM app.item WHERE id = 1000001")).toBe("second");
      }
    },
    3 * minute,
  );
});

test(
  "a host of a site reaches its own database and the other site's through its gateway",
  async () => {
    const answers = async (port: number): Promise<string> => {
      const way = { server: sites.la.gateway, port, shell: "ip netns exec client-la sh" };
      return (await asApplication(l.wan, "SELECT crossborder.this_site()", way)).text;
    };
    expect([await answers(5432), await answers(15432)]).toEqual(["la", "sg"]);
  },
  minute,
);

describe("deployments", () => {
  it(
    "change nothing when nothing changed",
    async () => {
      const { status, output } = await up();
      expect(status).toBe(0);
      expect(output).toMatch(/Resources:\s+\d+ unchanged/);
    },
    2 * minute,
  );

  it(
    "give applications new logins while the old ones are valid, and end those",
    async () => {
      const old = (await outputs()).postgresCredentials[0]!;
      const works = async (login: typeof old) =>
        (await asApplication(l.sg, "SELECT count(*) FROM item", { login })).status === 0;
      await deploy({ "postgres.passwords": { use: 2, accept: [1] } });
      const next = (await outputs()).postgresCredentials[0]!;
      expect([old.user, next.user]).toEqual(["app_a", "app_b"]);
      expect([await works(old), await works(next)]).toEqual([true, true]);
      await deploy({ "postgres.passwords": { use: 2 } });
      expect([await works(old), await works(next)]).toEqual([false, true]);
    },
    5 * minute,
  );

  it(
    "close the secondary when the primary alone shall write",
    async () => {
      await deploy({ "postgres.passwords": { use: 2 }, "postgres.writers": "primary" });
      expect((await asApplication(l.sg, "INSERT INTO item (origin) VALUES ('no')")).text).toContain(
        "Closed for: standby",
      );
      expect(await asApplication(l.la, "INSERT INTO item (origin) VALUES ('yes')")).toMatchObject({
        status: 0,
      });
      await eventuallySays(l.sg, "SELECT count(*) FROM app.item WHERE origin = 'yes'", "1");
      await deploy({ "postgres.passwords": { use: 2 } });
      expect(await asApplication(l.sg, "INSERT INTO item (origin) VALUES ('again')")).toMatchObject({
        status: 0,
      });
    },
    5 * minute,
  );

  it(
    "show no password: not in the state, nor on a host",
    async () => {
      const { password } = (await outputs()).postgresCredentials[0]!;
      expect((await pulumi(["stack", "export"])).stdout).not.toContain(password);
      for (const host of both()) {
        const holders = await run(
          host,
          `grep -rlF '${password}' /etc /usr/local /run /var/lib/crossborder /var/log 2>/dev/null || true`,
        );
        expect(holders.trim()).toBe("");
      }
    },
    2 * minute,
  );

  it(
    "take the product out and leave the rows, and join equal databases again",
    async () => {
      const rows = await sql(l.la, "SELECT count(*) FROM app.item");
      await deploy({ ha: undefined, postgres: undefined, "services.postgres": undefined });
      for (const host of both()) {
        // It did not run before there was a database to replicate.
        await run(host, "systemctl start postgresql@15-main.service");
        expect(await sql(host, "SELECT count(*) FROM app.item")).toBe(rows);
        expect(
          await sql(host, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('crossborder', 'pglogical')"),
        ).toBe("0");
      }
      await deploy();
      for (const host of both()) {
        await eventuallySays(host, "SELECT status FROM pglogical.show_subscription_status()", "replicating");
      }
    },
    8 * minute,
  );
});
