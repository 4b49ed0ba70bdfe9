import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseHost } from "../databaseHost";

// Recorded from pglogical 2.4.2 on PostgreSQL 15.20, byte by byte: two sites that wrote while they were cut off.
const log = (site: "la" | "sg"): Buffer => readFileSync(join(__dirname, `pglogical-2.4.2-${site}.jsonlog`));
const lines = (text: Buffer): Buffer[] => {
  const parts = text.toString("latin1").split("\n");
  return parts.slice(0, -1).map((line) => Buffer.from(`${line}\n`, "latin1"));
};

const catalog = {
  origins: { "1": "sg" },
  columns: {
    "public.t": [
      ["id", true],
      ["v", false],
      ["n q", false],
      ["u", false],
    ],
    "public.ck": [
      ["a", true],
      ["b", true],
      ["v", false],
    ],
    "public.big": [
      ["id", true],
      ["v", false],
      ["w", false],
    ],
  },
};

jest.setTimeout(60_000);

let host: DatabaseHost;

beforeEach(() => {
  host = new DatabaseHost({ keepDays: 90, keepLogDays: 7, intervalSeconds: 1, logPrefix: "crossborder-" });
  host.configure({ logDirectory: host.logDirectory });
  host.answer({ "pglogical.subscription": JSON.stringify(catalog) });
});

afterEach(() => host.remove());

const file = (name: string): string => join(host.logDirectory, name);
const first = "crossborder-2026-01-01_000000.json";
const second = "crossborder-2026-01-02_000000.json";
const collect = (): ReturnType<DatabaseHost["run"]> => host.run("conflict_log.py");
const kinds = (): unknown[] => host.conflicts().map(({ kind, resolution }) => `${kind} ${resolution}`);

describe("what pglogical says", () => {
  beforeEach(async () => {
    writeFileSync(file(first), log("la"));
    await collect();
  });

  const of = (kind: string, key: Record<string, string>): Record<string, unknown> | undefined =>
    host
      .conflicts()
      .find((row) => row["kind"] === kind && JSON.stringify(row["key"]) === JSON.stringify(key));

  test("an update of both sides: both rows, origins by name, times, and who lost", () => {
    expect(of("update_update", { id: "1" })).toMatchObject({
      relation: "public.t",
      resolution: "apply_remote",
      loser: "la",
      index_name: "t_pkey",
      local_row: { id: "1", v: "la2", "n q": "1", u: "1" },
      local_origin: "la",
      local_committed_at: "2026-11-26 02:44:02.154279+00",
      remote_row: { id: "1", v: "sg2", "n q": "1", u: "1" },
      remote_origin: "sg",
      remote_committed_at: "2026-11-26 02:44:02.210225+00",
      remote_lsn: "0/199DD78",
      happened_at: "2026-11-26 02:44:02.315 UTC",
    });
  });

  test("a value that looks like the end of a tuple, a null, and a line end in a value", () => {
    expect(of("insert_insert", { id: "10" })).toMatchObject({
      local_row: { v: "la {x} v[text]:y 'q'", u: null },
    });
    expect(of("insert_insert", { a: "a b", b: "1" })).toMatchObject({ remote_row: { v: "sg\nline2" } });
  });

  test("an update of a row that was deleted here is lost; a delete of one is not", () => {
    expect(of("update_delete", { id: "3" })).toMatchObject({
      resolution: "skip",
      loser: "sg",
      local_row: null,
    });
    expect(of("delete_delete", { id: "4" })).toMatchObject({ resolution: "skip", loser: null });
  });

  test("half a character, where pglogical cut a value by bytes, is no obstacle", () => {
    expect(of("update_update", { id: "5" })).toMatchObject({
      local_row: { v: expect.stringMatching(/^é+\uFFFD\.\.\.$/) },
    });
  });

  test("a conflict on another unique index has the key of the row that came", () => {
    expect(of("insert_insert", { id: "21" })).toMatchObject({
      index_name: "t_u_key",
      local_row: { id: "20" },
      remote_row: { id: "21" },
    });
  });

  test("a transaction that is retried after an error is one conflict, and the error is kept without its row", () => {
    const retried = log("la").toString("latin1").split("{id[int4]:30 v[text]:sg").length - 1;
    expect(retried).toBe(2);
    expect(host.conflicts().filter(({ key }) => JSON.stringify(key) === '{"id":"30"}')).toHaveLength(1);
    expect(host.state()["applyError"]).toEqual({
      at: "2026-11-26 02:49:28.109 UTC",
      message: 'duplicate key value violates unique constraint "t_u_key"',
    });
  });

  test("they are counted by kind and resolution", () => {
    expect(host.metrics()).toContain(
      'crossborder_postgres_conflicts_total{site="la",host="la-gw1",kind="update_update",resolution="apply_remote"} 3\n',
    );
    expect(host.metrics()).toContain('crossborder_postgres_apply_errors_total{site="la",host="la-gw1"} 2\n');
    expect(host.metrics()).toContain('crossborder_postgres_conflict_log_up{site="la",host="la-gw1"} 1\n');
  });
});

test("the other side of the same conflicts names the same loser", async () => {
  host.configure({ site: "sg" });
  host.answer({ "pglogical.subscription": JSON.stringify({ ...catalog, origins: { "1": "la" } }) });
  writeFileSync(file(first), log("sg"));
  await collect();
  const ones = host.conflicts().filter(({ kind }) => kind === "update_update");
  expect(ones).toHaveLength(3);
  for (const row of ones) {
    expect(row).toMatchObject({ resolution: "keep_local", loser: "la", local_origin: "sg" });
  }
});

test("the program's own rows, which the other site may not have yet, are no conflicts", async () => {
  const own = log("la")
    .toString("latin1")
    .replaceAll(" on relation public.t ", " on relation crossborder.site ");
  writeFileSync(file(first), Buffer.from(own, "latin1"));
  await collect();
  expect(host.conflicts().length).toBeGreaterThan(0);
  expect(
    host.conflicts().filter(({ relation }) => relation !== "public.ck" && relation !== "public.big"),
  ).toEqual([]);
});

test("conflicts of the server's other databases are theirs", async () => {
  host.configure({
    database: { socket: "/var/run/postgresql", port: 5432, database: "other", role: "crossborder_monitor" },
  });
  writeFileSync(file(first), log("la"));
  await collect();
  expect(host.conflicts()).toEqual([]);
});

test("a table or an origin that is gone leaves the conflict's text", async () => {
  host.answer({ "pglogical.subscription": JSON.stringify({ origins: {}, columns: {} }) });
  writeFileSync(file(first), log("la"));
  await collect();
  expect(host.conflicts()[0]).toMatchObject({
    key: null,
    remote_row: null,
    remote_origin: null,
    remote_tuple: expect.stringContaining("id[int4]:1"),
  });
});

describe("what survives", () => {
  const all = lines(log("la"));
  const concat = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
  let complete: unknown[];

  beforeEach(async () => {
    const whole = new DatabaseHost({
      keepDays: 90,
      keepLogDays: 7,
      intervalSeconds: 1,
      logPrefix: "crossborder-",
    });
    whole.configure({ logDirectory: whole.logDirectory });
    whole.answer({ "pglogical.subscription": JSON.stringify(catalog) });
    writeFileSync(join(whole.logDirectory, first), log("la"));
    await whole.run("conflict_log.py");
    complete = whole.conflicts().map(({ event_key }) => event_key);
    whole.remove();
  });

  const keys = (): unknown[] => host.conflicts().map(({ event_key }) => event_key);

  test("a restart reads on, and sends nothing again", async () => {
    writeFileSync(file(first), concat(...all.slice(0, 4)));
    await collect();
    const sent = host.statements().filter(({ sql }) => sql.includes("insert into")).length;
    await collect();
    expect(host.statements().filter(({ sql }) => sql.includes("insert into"))).toHaveLength(sent);
    appendFileSync(file(first), concat(...all.slice(4)));
    await collect();
    expect(keys()).toEqual(complete);
  });

  test("half a line waits for its rest", async () => {
    const text = log("la");
    const middle = text.indexOf("CONFLICT") + 200;
    writeFileSync(file(first), text.subarray(0, middle));
    await collect();
    appendFileSync(file(first), text.subarray(middle));
    await collect();
    expect(keys()).toEqual(complete);
  });

  test("a rotation between two passes: the rest of the old file, then the new one", async () => {
    writeFileSync(file(first), concat(...all.slice(0, 3)));
    await collect();
    appendFileSync(file(first), concat(...all.slice(3, 6)));
    writeFileSync(file(second), concat(...all.slice(6)));
    await collect();
    expect(keys()).toEqual(complete);
  });

  test("a file that was renamed is found by what it is; one that was emptied is read anew, and may have been a gap", async () => {
    writeFileSync(file(first), concat(...all.slice(0, 3)));
    await collect();
    renameSync(file(first), file(`${first}.1`));
    writeFileSync(file(second), concat(...all.slice(3, 5)));
    await collect();
    expect(host.state()["gaps"]).toBe(0);
    writeFileSync(file(second), concat(...all.slice(5)));
    await collect();
    expect(new Set(keys())).toEqual(new Set(complete));
    expect(host.state()["gaps"]).toBe(1);
  });

  test("a file that went before it was read is counted as a gap", async () => {
    writeFileSync(file(first), concat(...all.slice(0, 3)));
    await collect();
    rmSync(file(first));
    writeFileSync(file(second), concat(...all.slice(5)));
    const { journal } = await collect();
    expect(journal).toContain(`the log ${first} went before all of it was read`);
    expect(host.metrics()).toContain('crossborder_postgres_log_gaps_total{site="la",host="la-gw1"} 1\n');
  });

  test("a crash between committing and remembering repeats lines, and records none twice", async () => {
    writeFileSync(file(first), log("la"));
    await collect();
    rmSync(host.stateFile);
    await collect();
    expect(keys()).toEqual(complete);
  });

  test("a database that is down: nothing is lost, it is said once, and shows in the metrics", async () => {
    writeFileSync(file(first), log("la"));
    host.serverDown = true;
    const { status, journal } = await collect();
    expect(status).toBe(1);
    expect(journal).toContain(
      "conflicts are not recorded: psql: error: connection to server on socket failed",
    );
    expect(host.metrics()).toContain('crossborder_postgres_conflict_log_up{site="la",host="la-gw1"} 0\n');
    host.serverDown = false;
    await collect();
    expect(keys()).toEqual(complete);
  });

  test("files that were read and are old are removed, one that is being read is not", async () => {
    writeFileSync(file(first), log("la"));
    writeFileSync(file(first.replace(".json", ".log")), "");
    await collect();
    writeFileSync(file(second), "");
    await collect();
    const old = Date.now() / 1000 - 8 * 86_400;
    for (const name of [first, second]) utimesSync(file(name), old, old);
    await collect();
    expect(() => statSync(file(first))).toThrow();
    expect(() => statSync(file(first.replace(".json", ".log")))).toThrow();
    expect(statSync(file(second)).size).toBe(0);
  });
});

test("words that are not known are said, not guessed", async () => {
  const line = {
    timestamp: "2026-01-01 00:00:00 UTC",
    dbname: "app",
    error_severity: "LOG",
    message: "CONFLICT: of another kind",
  };
  writeFileSync(file(first), `${JSON.stringify(line)}\n`);
  const { journal } = await collect();
  expect(journal).toContain("a conflict in words that are not known: CONFLICT: of another kind");
  expect(kinds()).toEqual([]);
});

test("statements travel over standard input, as the monitor's role, without a password prompt", async () => {
  writeFileSync(file(first), log("la"));
  await collect();
  const { argv, options } = host.statements()[0]!;
  expect(argv).toEqual(expect.arrayContaining(["-X", "-w", "-U", "crossborder_monitor"]));
  expect(argv.join(" ")).not.toContain("sg2");
  expect(options).toContain("statement_timeout");
});
