import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isWrite, parseHistory, type Attempt } from "../../../drills/history";
import type { Specification } from "../../../drills/workload/specification";
import { type Answer, PostgresServer } from "./postgresServer";

const workload = join(__dirname, "../../../drills/workload");

let directory: string;
let server: PostgresServer | undefined;
let child: ChildProcess | undefined;

beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "clients-"))));

afterEach(async () => {
  child?.kill("SIGKILL");
  await server?.stop();
  server = child = undefined;
  rmSync(directory, { recursive: true });
});

/** Runs the clients until their history has what is waited for. */
async function run(
  targets: Pick<Specification, "databases" | "services">,
  isEnough: (attempts: readonly Attempt[]) => boolean,
  databaseIntervalMs = 5,
): Promise<Attempt[]> {
  const history = join(directory, "history.jsonl");
  const numbers = {
    serviceIntervalMs: 5,
    databaseIntervalMs,
    loginMs: 300,
    timeoutMs: 300,
    ownRows: 2,
    hotRows: 2,
    deleteRows: 2,
  };
  const running = spawn("python3", ["-B", join(workload, "clients.py")], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  child = running;
  const ended = new Promise<number | null>((resolve) => running.on("close", resolve));
  running.stdin.end(JSON.stringify({ history, table: "drill.register", ...numbers, ...targets }));
  const read = (): Attempt[] => (existsSync(history) ? parseHistory(readFileSync(history, "utf8")) : []);
  while (!isEnough(read())) {
    if (running.exitCode !== null) throw new Error("the clients ended by themselves");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // Twice: who ends them may be impatient, and a wrapper hands signals on.
  running.kill("SIGTERM");
  running.kill("SIGTERM");
  expect(await ended).toBe(0);
  return read();
}

function database(port: number, password: string) {
  const query = { serverQuery: "select site", readQuery: "select row" };
  return { name: "la-vip", host: "127.0.0.1", port, database: "app", user: "app", password, ...query };
}

/** Runs a database's clients against a script; `who` answers the question for the site. */
async function against(
  answer: (sql: string) => Answer,
  isEnough: (attempts: readonly Attempt[]) => boolean,
  options: { knowsPassword: boolean; intervalMs?: number } = { knowsPassword: true },
): Promise<Attempt[]> {
  const who = (sql: string): Answer =>
    sql === "select site" ? { rows: [["la"]], tag: "SELECT 1" } : answer(sql);
  server = await PostgresServer.start(who, options);
  const databases = [database(server.port, server.password)];
  return run({ databases, services: [] }, isEnough, options.intervalMs);
}

const done: Answer = { rows: [["seed"]], tag: "UPDATE 1" };
const enough = (attempts: readonly Attempt[]) => attempts.some(({ kind }) => kind === "reinsert");

describe("a writer", () => {
  it("writes every class in turn, and notes key, answering site, and what an update replaced", async () => {
    const writes = (await against(() => done, enough)).filter(isWrite);
    expect(writes.map(({ kind, key }) => `${kind} ${key}`).slice(0, 13)).toMatchInlineSnapshot(`
     [
       "update update/la-vip-writes/0",
       "insert insert/la-vip-writes/2",
       "update hot/0",
       "insert insert/la-vip-writes/4",
       "delete delete/la-vip-writes/0",
       "insert insert/la-vip-writes/6",
       "update update/la-vip-writes/1",
       "insert insert/la-vip-writes/8",
       "update hot/1",
       "insert insert/la-vip-writes/10",
       "delete delete/shared/1",
       "insert insert/la-vip-writes/12",
       "update update/la-vip-writes/0",
     ]
    `);
    expect(new Set(writes.map(({ outcome, attempt, server }) => `${outcome} ${attempt} ${server}`))).toEqual(
      new Set(["ok 1 la"]),
    );
    for (const { kind, previous } of writes) expect(previous).toBe(kind === "update" ? "seed" : undefined);
  });

  it("sends statements that can be tried again without doing anything twice", async () => {
    const said = new Map<string, string>();
    await against((sql) => {
      said.set(sql.split(" ")[0]! + (sql.includes("do update") ? " again" : ""), sql);
      return done;
    }, enough);
    expect([...said.keys()].sort()).toEqual(["delete", "insert", "insert again", "select", "update"]);
    expect(said.get("insert")).toMatch(/on conflict \(key\) do nothing$/);
    expect(said.get("update")).toMatch(
      /previous = case when t.value = '(.*)' then t.previous else t.value end, value = '\1'/,
    );
  });

  const fates: [string, Answer, Attempt["outcome"]][] = [
    ["the server refuses has failed", { severity: "ERROR", sqlstate: "25006" }, "failed"],
    ["ends with its session is of unknown fate", { severity: "FATAL", sqlstate: "57P01" }, "unknown"],
    ["the connection breaks under is of unknown fate", "hang up", "unknown"],
    ["isn't answered in time is of unknown fate", "say nothing", "unknown"],
  ];
  it.each(fates)(
    "whose statement %s, and is tried once more under the same id",
    async (_, answer, outcome) => {
      let refused = 0;
      const attempts = await against(
        (sql) => (sql.startsWith("insert") && refused++ === 0 ? answer : done),
        (all) => all.some(({ attempt, outcome: how }) => attempt === 2 && how === "ok"),
      );
      const [first, second] = attempts.filter(({ attempt, id }) => {
        return id === attempts.find((one) => one.attempt === 2)!.id && attempt;
      });
      expect([first?.outcome, second?.outcome, second?.attempt]).toEqual([outcome, "ok", 2]);
    },
  );

  it("that can't reach anybody has failed, not done something unknown", async () => {
    const free = await freePort();
    const attempts = await run({ databases: [database(free, "secret")], services: [] }, enough);
    expect(new Set(attempts.map(({ outcome }) => outcome))).toEqual(new Set(["failed"]));
  });

  it("that can't reach anybody doesn't wait for its next turn to try again", async () => {
    const free = await freePort();
    const third = ({ id }: Attempt) => id === "la-vip-writes/3";
    const attempts = await run(
      { databases: [database(free, "secret")], services: [] },
      (all) => all.some(third),
      2_000,
    );
    const begun = (wanted: string) => attempts.find(({ id }) => id === wanted)!.at;
    expect(begun("la-vip-writes/3") - begun("la-vip-writes/1")).toBeLessThan(2_000);
  });

  it("whom a server refuses keeps to its pace: a login costs the server more than a statement", async () => {
    const refuse: Answer = { severity: "ERROR", sqlstate: "25006" };
    const isOver = (all: readonly Attempt[]) => all.some(({ id }) => id === "la-vip-writes/2");
    const attempts = await against(() => refuse, isOver, { knowsPassword: true, intervalMs: 1_000 });
    const begun = (wanted: string) => attempts.find(({ id }) => id === wanted)!.at;
    expect(begun("la-vip-writes/2") - begun("la-vip-writes/1")).toBeGreaterThan(900);
  });

  it("doesn't trust a server that doesn't know the password", async () => {
    const attempts = await against(() => done, enough, { knowsPassword: false });
    expect(attempts[0]).toMatchObject({
      outcome: "failed",
      error: expect.stringContaining("doesn't know the password"),
    });
  });
});

async function listening(answerer: Server): Promise<number> {
  await new Promise<void>((resolve) => answerer.listen(0, "127.0.0.1", resolve));
  return (answerer.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const taken = createServer();
  const port = await listening(taken);
  await new Promise((resolve) => taken.close(resolve));
  return port;
}

describe("a client of a service", () => {
  it("goes on asking while a request hangs: the next may pass", async () => {
    let count = 0;
    const answerer = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      if (count++ > 0) socket.pipe(socket);
    });
    const services = [{ name: "la-service", host: "127.0.0.1", port: await listening(answerer) }];
    const isOver = (all: readonly Attempt[]) => all.some(({ outcome }) => outcome === "failed");
    const attempts = await run({ databases: [], services }, isOver).finally(() => answerer.close());
    const hung = attempts.find(({ outcome }) => outcome === "failed")!;
    // Which of the first requests it is, their threads decide.
    expect(hung.attempt).toBe(1);
    const meanwhile = attempts.filter(
      ({ outcome, at, ended }) => outcome === "ok" && at > hung.at && ended < hung.ended,
    );
    expect(meanwhile.length).toBeGreaterThan(0);
  });

  it("doesn't take another answer for its own", async () => {
    const answerer = createServer((socket) => void socket.on("error", () => undefined).end("hello\n"));
    const services = [{ name: "la-service", host: "127.0.0.1", port: await listening(answerer) }];
    const attempts = await run({ databases: [], services }, (all) => all.length > 1).finally(() =>
      answerer.close(),
    );
    expect(attempts[0]).toMatchObject({ outcome: "failed", error: expect.stringContaining("hello") });
  });
});

test("SCRAM-SHA-256 is that of RFC 7677's example", () => {
  const program = `
import pgwire
scram = pgwire.Scram("pencil", "rOprNGfwEbeRWgbNEkqO", "user")
print(scram.first().decode())
first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
print(scram.final(first).decode())
scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
for wrong in (b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", first.replace(b"4096", b"1"), first.replace(b"4096", b"99999999")):
    try:
        scram.final(wrong)
    except pgwire.ProtocolError as error:
        print(error)
print(pgwire.literal("it's a \\\\ b"))
`;
  const { stdout } = spawnSync("python3", ["-B", "-c", program], { cwd: workload, encoding: "utf8" });
  expect(stdout.trim().split("\n")).toEqual([
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "the server answered another client's SCRAM message",
    "the server wants 1 iterations of SCRAM",
    "the server wants 99999999 iterations of SCRAM",
    "'it''s a \\ b'",
  ]);
});
