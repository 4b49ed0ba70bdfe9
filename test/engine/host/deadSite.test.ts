import type { Manifest } from "../../../components/host/manifest";
import type { SshConnection } from "../../../providers/ssh/session";
import type { Plan } from "./program";
import { startSilentServer } from "../../support/silentServer";
import { RemoteHost, TestStack } from "./stack";

jest.setTimeout(900_000);

const FILE = "/etc/thing.conf";
const names = ["la", "sg"] as const;

/** A dead host is given up within a minute; the engine and a slow computer get another. */
const destroyBoundSeconds = 120;

let stack: TestStack;
let la: RemoteHost;
let sg: RemoteHost;
let connections: { la: SshConnection; sg: SshConnection };

beforeEach(async () => {
  stack = new TestStack();
  la = new RemoteHost();
  sg = new RemoteHost();
  connections = { la: await la.listen(), sg: await sg.listen() };
  await stack.create();
});
afterEach(async () => {
  await Promise.all([la.close(), sg.close()]);
  stack.remove();
});

/** @param readyWhen What the host waits for before a commit is confirmed. */
function manifest(content: string, readyWhen: readonly string[] = ["true"]): Manifest {
  return {
    component: "link",
    packages: [],
    files: [{ path: FILE, content, mode: "0644" }],
    sysctl: {},
    checks: [],
    units: [],
    teardown: [],
    verify: [],
    confirm: { settle: [], ready: [{ name: "is there", argv: readyWhen }] },
  };
}

type Part = Partial<Plan["configurations"][number]>;

/** Both sites' hosts, committed together. */
function plan(content: string, parts: { la?: Part; sg?: Part } = {}): Plan {
  return {
    configurations: names.map((host) => ({
      name: `link-${host}`,
      host,
      connection: connections[host],
      manifest: manifest(content),
      ...parts[host],
    })),
    commit: { confirmWithinSeconds: 20, readyWithinSeconds: 4 },
  };
}

const dead = { sg: { outOfService: true } };

describe("a site that is out of service, and the real engine", () => {
  test("nothing is run on its host, the other is configured, and it follows once it is in service again", async () => {
    await stack.up(plan("one"));
    const logins = sg.logins;

    expect(await stack.preview(plan("two", dead))).toEqual({ "link-la": "update", commit: "update" });
    await stack.up(plan("two", dead));
    expect([la.files.read(FILE), sg.files.read(FILE)]).toEqual(["two", "one"]);
    expect(await stack.preview(plan("two", dead))).toEqual({});
    expect(sg.logins).toBe(logins);

    expect(await stack.preview(plan("two"))).toEqual({ "link-sg": "update", commit: "update" });
    await stack.up(plan("two"));
    expect([la.files.read(FILE), sg.files.read(FILE)]).toEqual(["two", "two"]);
    await stack.destroy();
    expect([la.files.exists(FILE), sg.files.exists(FILE)]).toEqual([false, false]);
  });

  test("a component that is new meanwhile takes its place, and comes to the host later", async () => {
    await stack.up(plan("one", dead));
    expect([la.files.read(FILE), sg.logins]).toEqual(["one", 0]);
    await stack.up(plan("one"));
    expect(sg.files.read(FILE)).toBe("one");
  });

  test("a destroy takes out the living side and leaves the host's configuration, naming it", async () => {
    await stack.up(plan("one"));
    await stack.up(plan("one", dead));
    const logins = sg.logins;
    const log = await stack.destroy();
    expect(log).toMatch(/link-sg deleted \(\S+\)\[retain\]/);
    expect([la.files.exists(FILE), sg.files.read(FILE), sg.logins]).toEqual([false, "one", logins]);
  });

  test("a destroy with a dead host that is in service ends in time, names the host, and can be gone on with", async () => {
    await stack.up(plan("one"));
    const port = connections.sg.port;
    await sg.stopListening();
    const silent = await startSilentServer(port);
    try {
      const began = Date.now();
      const { status, stdout, stderr } = await stack.tryDestroy();
      expect((Date.now() - began) / 1000).toBeLessThan(destroyBoundSeconds);
      expect(status).not.toBe(0);
      expect(stdout + stderr).toMatch(/link-sg .*deleting failed/);
      expect(stdout + stderr).toContain(`127.0.0.1:${port} cannot be reached over SSH`);

      stack.plan(plan("one", dead));
      expect(await stack.destroy("--run-program")).toMatch(/link-sg deleted \(\S+\)\[retain\]/);
      expect([la.files.exists(FILE), sg.files.read(FILE)]).toEqual([false, "one"]);
    } finally {
      await silent.close();
    }
  });
});
