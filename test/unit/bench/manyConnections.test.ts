import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Exchange, parseExchanges } from "../../../bench/connections/exchanges";

const root = join(__dirname, "../../..");
const children = new Set<ChildProcess>();
let directory: string;
let port: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "connections-"));
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  port = (taken.address() as AddressInfo).port;
  await new Promise((resolve) => taken.close(resolve));
});

afterEach(async () => {
  for (const child of children) await end(child, "SIGKILL");
  children.clear();
  rmSync(directory, { recursive: true });
});

function python(...args: string[]): ChildProcess {
  const child = spawn("python3", ["-B", ...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.kill(signal);
  await ended;
}

function accepts(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

async function service(): Promise<ChildProcess> {
  const child = python("drills/workload/echo.py", "127.0.0.1", String(port));
  while (!(await accepts())) await new Promise((resolve) => setTimeout(resolve, 20));
  return child;
}

const results = (): string => join(directory, "results");

/** Connections with an exchange every 0.2 s. */
function clients(count: number): ChildProcess {
  return python(
    "bench/connections/clients.py",
    "127.0.0.1",
    String(port),
    String(count),
    "0.2",
    "200",
    results(),
  );
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve) =>
    child.stdout!.on("data", (data: Buffer) => data.includes("ready") && resolve()),
  );
}

async function finish(child: ChildProcess): Promise<Exchange[]> {
  await end(child, "SIGTERM");
  return parseExchanges(readFileSync(results(), "utf8"));
}

test("every connection has its exchanges, and none is lost while nothing happens", async () => {
  await service();
  const asking = clients(60);
  await ready(asking);
  const found = await finish(asking);
  expect(new Set(found.map(({ connection }) => connection)).size).toBe(60);
  expect(found.filter(({ took }) => took === undefined)).toEqual([]);
});

/** Answers until so many connections have had two exchanges, of which the first has arrived then. @returns how to end it */
async function secondExchanges(count: number): Promise<() => Promise<void>> {
  const busy = new Set<Socket>();
  let answerer: Server;
  await new Promise<void>((resolve) => {
    answerer = createServer((socket) => {
      let exchanges = 0;
      socket.on("error", () => socket.destroy());
      socket.on("data", (data) => {
        socket.write(data);
        if (++exchanges === 2) busy.add(socket);
        if (busy.size === count) resolve();
      });
    }).listen(port, "127.0.0.1");
  });
  return () => new Promise((resolve) => answerer.close(() => resolve()));
}

test("connections that break are opened anew, each of them", async () => {
  const first = await service();
  const asking = clients(20);
  await ready(asking);
  await end(first, "SIGKILL");
  const down = Date.now();
  const again = await secondExchanges(20);
  const found = await finish(asking);
  await again();
  const back = found.filter(({ sent, took }) => sent > down && took !== undefined);
  expect(new Set(back.map(({ connection }) => connection)).size).toBe(20);
});

test("the service answers with what it is sent, however much, also to one that listens late", async () => {
  await service();
  const sent = Buffer.alloc(4 * 2 ** 20, "0123456789");
  const socket = connect(port, "127.0.0.1");
  socket.pause();
  socket.write(sent);
  socket.end();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).equals(sent)).toBe(true);
});
