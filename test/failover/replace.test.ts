import { join } from "node:path";
import { runCommand } from "../../drills/command";
import { giveDiskBack, isDiskTaken, takeDisk } from "../../drills/lab/disk";
import { stopMachine } from "../../lab/machines/down";
import { ensureMachines } from "../../lab/machines/up";
import { serviceAddress } from "../../lab/network/plan";
import { labPaths } from "../../lab/paths";
import { openSession, run } from "../../lab/sessions";
import { exclusively } from "../../lab/up";
import { labDirectory } from "../../toolchain/paths";
import { deployedLab, outputs } from "../lab/support/deployed";
import { deploy } from "../lab/support/deployment";
import { eventually, type Lab, labTimeoutMs } from "../lab/support/lab";
import { sql, takeWrites } from "./sql";

const minute = 60_000;
const paths = labPaths();

const dead = { "sites.sg.outOfService": true };

let l: Lab;

beforeAll(async () => {
  l = await deployedLab();
  await takeWrites(l);
}, labTimeoutMs);
afterAll(async () => {
  l.close();
  if (!isDiskTaken(paths, "sg")) return;
  await stopMachine(paths, "sg", "at once");
  giveDiskBack(paths, "sg");
  await powerOn();
  // Its data is from before Los Angeles' last rows, which it was told as replicated.
  (await deployedLab()).close();
}, labTimeoutMs);

const powerOn = () => exclusively(paths, () => ensureMachines(paths, ["sg"]));

/** The rows of a query on Los Angeles' or Singapore's database. A session of its own: the machine may be another than before. */
async function rows(site: "la" | "sg", query: string): Promise<string> {
  const session = await openSession(site);
  try {
    return await sql(session, query);
  } finally {
    session.close();
  }
}

test(
  "a site that is dead is left alone while the other goes on being configured, and an empty machine takes its place",
  async () => {
    await rows(
      "la",
      "SET ROLE app_owner; SET search_path = app; SELECT crossborder.ddl('CREATE TABLE kept (id integer PRIMARY KEY)')",
    );
    await rows("la", "INSERT INTO app.kept VALUES (1)");
    await eventually(
      "the row is in Singapore",
      async () => (await rows("sg", "TABLE app.kept")) === "1",
      minute,
    );

    await stopMachine(paths, "sg", "at once");
    await deploy({ ...dead, "gate.budgetMs": 101 });
    expect((await outputs()).link).toMatchObject({ budgetMs: 101, gate: { verdict: "outOfService" } });
    expect(await run(l.la, "ip -br -4 address show dev lo")).toContain(`${serviceAddress}/32`);
    await rows("la", "INSERT INTO app.kept VALUES (2)");

    takeDisk(paths, "sg");
    await powerOn();
    // The settings of the deployment before: the dead site's are among them.
    const file = join(labDirectory, "test-settings.yaml");
    await runCommand("replace", ["sg-gw1", "--config-file", file]);
    expect(await rows("sg", "SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.kept")).toBe("1 2");
    expect((await outputs()).hosts.map(({ machine, outOfService }) => [machine, outOfService])).toEqual([
      [1, false],
      [2, false],
    ]);
  },
  25 * minute,
);
