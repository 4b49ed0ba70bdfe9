import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseHost } from "../databaseHost";

jest.setTimeout(60_000);

/** psql that stays: a line of JSON for each question, whatever is in `seen`; without it, a server that is down. */
const SESSION = `#!/usr/bin/env python3
import os, sys
root = os.environ["STUB_ROOT"]
for line in sys.stdin:
    with open(root + "/asked", "a") as file:
        file.write(line)
    if "set_writable" in line:
        print("t")
    elif line.rstrip().endswith(";"):
        if not os.path.exists(root + "/seen"):
            sys.exit("psql: error: connection to server on socket failed: No such file or directory")
        print(open(root + "/seen").read())
        sys.stdout.flush()
`;

let host: DatabaseHost;
let heartbeats: { fit: string; current: string };

beforeEach(() => {
  host = new DatabaseHost();
  host.tool("psql", SESSION);
  const directory = join(host.root, "heartbeats");
  heartbeats = { fit: join(directory, "postgres-fit"), current: join(directory, "postgres-current") };
  const agentFile = join(host.root, "agent.json");
  host.configure({ peer: "sg", subscription: "from_sg", currentWithinSeconds: 15, agentFile, heartbeats });
  host.configure({ followsRole: false });
  see();
});
afterEach(() => host.remove());

/** What the server answers. */
function see(changes: { closed?: string[]; replicating?: boolean; age?: number | null } = {}): void {
  host.write("seen", JSON.stringify({ closed: [], replicating: true, age: 1.5, ...changes }));
}

function serves(role: "serve" | "proxy"): void {
  host.write("agent.json", JSON.stringify({ role }));
}

async function look(): Promise<{ status: number; fit: boolean; current: boolean }> {
  const { status } = await host.run("pair_beat.py");
  return { status, fit: existsSync(heartbeats.fit), current: existsSync(heartbeats.current) };
}

const asked = (): string => readFileSync(join(host.root, "asked"), "utf8");

test("a server that answers and has caught up has both heartbeats, in whole seconds of the host's uptime", async () => {
  expect(await look()).toEqual({ status: 0, fit: true, current: true });
  expect(readFileSync(heartbeats.fit, "utf8")).toMatch(/^\d+\n$/);
  expect(asked()).toContain("show_subscription_status(E'from_sg')");
  expect(host.metrics()).toContain('crossborder_postgres_pair_well{site="la",host="la-gw1",what="fit"} 1\n');
});

test.each<[string, Parameters<typeof see>[0], boolean, boolean]>([
  ["a clock in doubt", { closed: ["clock"] }, false, true],
  ["a first copy that is not complete", { closed: ["first copy"] }, false, true],
  ["rows that have to be brought up to date", { closed: ["resync"] }, false, true],
  ["an operator's own reason", { closed: ["maintenance", "standby"] }, true, true],
  ["replication that is down", { replicating: false }, true, false],
  ["beats that don't arrive", { age: 15.1 }, true, false],
  ["a site that never beat", { age: null }, true, false],
])("with %s", async (_what, seen, fit, current) => {
  see(seen);
  expect(await look()).toEqual({ status: fit && current ? 0 : 1, fit, current });
});

test("a site that serves is what the other has to catch up with", async () => {
  see({ replicating: false, age: 900 });
  serves("serve");
  expect(await look()).toMatchObject({ current: true });
  serves("proxy");
  expect(await look()).toMatchObject({ current: true });
});

test("a server that doesn't answer has no heartbeat, not even where the site serves", async () => {
  host.remove();
  host = new DatabaseHost();
  host.tool("psql", SESSION);
  const agentFile = join(host.root, "agent.json");
  host.configure({ peer: "sg", subscription: "from_sg", currentWithinSeconds: 15, agentFile, heartbeats });
  host.configure({ followsRole: true });
  serves("serve");
  expect(await look()).toEqual({ status: 1, fit: false, current: false });
});

test("a login that takes its time holds up no answer, and one that takes too long is none", async () => {
  const script = `
import json, sys
import pair_beat
class Database(object):
    argv = [sys.executable, "-c", "import sys\\nfor line in sys.stdin: print(1, flush=True)"]
    environment = staticmethod(lambda: None)
pair_beat.SESSION_SECONDS = 0
session = pair_beat.Session(Database)
found = [session.ask("select 1;\\n")]
Database.argv = ["sleep", "60"]
found += [session.ask("select 1;\\n"), session.ask("select 1;\\n")]
pair_beat.LOGIN_SECONDS = 0
found.append(session.ask("select 1;\\n"))
session.close()
print(json.dumps(found))
`;
  expect(await host.evaluate(script, heartbeats)).toEqual([1, 1, 1, null]);
});

test("heartbeats are taken away after two looks in a row, so that one that hangs moves nothing", async () => {
  const script = `
import json, sys
import pair_beat
paths = json.loads(sys.argv[1])
there = lambda: [__import__("os").path.exists(path) for path in paths.values()]
ill, found = {}, []
for well in (True, False, False):
    pair_beat.beat({"heartbeats": paths}, {"fit": well, "current": True}, ill)
    found.append(there())
print(json.dumps(found))
`;
  expect(await host.evaluate(script, heartbeats)).toEqual([
    [true, true],
    [true, true],
    [false, true],
  ]);
});

test.each<[string, boolean, "serve" | "proxy" | undefined, string[], string | undefined]>([
  ["serves and is closed", true, "serve", ["standby"], "true"],
  ["is a proxy and is open", true, "proxy", [], "false"],
  ["serves and is open", true, "serve", ["maintenance"], undefined],
  ["is a proxy and is closed", true, "proxy", ["standby"], undefined],
  ["has no known role", true, undefined, ["standby"], undefined],
  ["serves, where both sites write", false, "serve", ["standby"], undefined],
])("a site that %s", async (_what, followsRole, role, closed, told) => {
  host.configure({ followsRole });
  see({ closed });
  if (role) serves(role);
  await host.run("pair_beat.py");
  expect(/set_writable\((\w+), 'standby'\)/.exec(asked())?.[1]).toBe(told);
});
