import type { Manifest } from "../../../components/host/manifest";
import type { SshConnection } from "../../../providers/ssh/session";
import type { Plan } from "./program";
import { RemoteHost, TestStack } from "./stack";

jest.setTimeout(900_000);

const FILE = "/etc/swanctl/conf.d/crossborder.conf";
const UNIT = "strongswan.service";
const SECRET = "Zk9pQm1hX3NlY3JldF9wc2tfZm9yX3RoZV90ZXN0";

let stack: TestStack;
let la: RemoteHost;
let sg: RemoteHost;
let connections: { la: SshConnection; sg: SshConnection };

beforeEach(async () => {
  stack = new TestStack();
  la = new RemoteHost();
  sg = new RemoteHost();
  for (const { files } of [la, sg]) files.addUnit(UNIT, { enabled: true, active: true });
  connections = { la: await la.listen(), sg: await sg.listen() };
  await stack.create();
});
afterEach(async () => {
  await Promise.all([la.close(), sg.close()]);
  stack.remove();
});

function manifest(content: string, readyWhen: readonly string[]): Manifest {
  return {
    component: "link",
    packages: [],
    files: [{ path: FILE, content: `${content} ${SECRET}`, mode: "0600" }],
    sysctl: {},
    checks: [],
    units: [{ name: UNIT, watches: [FILE], onChange: "reload" }],
    teardown: [],
    verify: [],
    confirm: { settle: [], ready: [{ name: "BFD is up", argv: readyWhen }] },
  };
}

function plan(content: string, readyWhen: readonly string[] = ["true"]): Plan {
  const names = ["la", "sg"] as const;
  return {
    configurations: names.map((host) => ({
      name: `${host}-link`,
      host,
      connection: connections[host],
      manifest: manifest(content, readyWhen),
    })),
    commit: { confirmWithinSeconds: 20, readyWithinSeconds: 4 },
  };
}

function contents(): string[] {
  return [la, sg].map(({ files }) => files.read(FILE).split(" ")[0]!);
}

describe("a two-phase commit and the real engine", () => {
  test("install, change, do nothing, take away: few connections, and no secret in state or log", async () => {
    const before = [la.files.snapshot(), sg.files.snapshot()];
    let log = await stack.up(plan("one"));
    expect(contents()).toEqual(["one", "one"]);
    expect([la.logins, sg.logins]).toEqual([3, 3]);
    expect(la.files.isEnabled("crossborder-rollback-link.timer")).toBe(false);

    expect(await stack.preview(plan("two"))).toEqual({
      "la-link": "update",
      "sg-link": "update",
      commit: "update",
    });
    log += await stack.up(plan("two"));
    expect(contents()).toEqual(["two", "two"]);
    expect([la.logins, sg.logins]).toEqual([6, 6]);
    log += await stack.up(plan("two"));
    expect([la.logins, sg.logins]).toEqual([6, 6]);

    const state = await stack.state();
    for (const secret of [
      SECRET,
      ...Object.values(connections).map((one) => one.privateKey.split("\n")[2]!),
    ]) {
      expect(state.includes(secret)).toBe(false);
      expect(log.includes(secret)).toBe(false);
    }
    await stack.destroy();
    expect([la.files.snapshot(), sg.files.snapshot()]).toEqual(before);
  });

  test("one host fails to commit: both are as before, and the next good deployment works", async () => {
    await stack.up(plan("one"));
    sg.files.hook(
      `[ "$2" != reload ] || [ -e failed ] || { touch failed; echo "charon is gone" >&2; exit 1; }`,
    );
    const failed = await stack.tryUp(plan("two"));
    sg.files.hook(undefined);
    expect(failed.status).not.toBe(0);
    expect(failed.stdout).toMatch(/sg: .*systemctl reload strongswan.service failed: charon is gone/);
    expect(failed.stdout).toContain("la was rolled back");
    expect(contents()).toEqual(["one", "one"]);

    await stack.up(plan("two"));
    expect(contents()).toEqual(["two", "two"]);
  });

  test("the link does not come up: both go back, the condition is named, and the next good deployment works", async () => {
    await stack.up(plan("one"));
    const failed = await stack.tryUp(plan("two", ["sh", "-c", "echo session is down; exit 1"]));
    expect(failed.status).not.toBe(0);
    expect(failed.stdout).toContain("sg is not ready: BFD is up (session is down)");
    expect(contents()).toEqual(["one", "one"]);
    await stack.up(plan("three"));
    expect(contents()).toEqual(["three", "three"]);
  });

  test("a forced replacement of one side is committed again", async () => {
    await stack.up(plan("one"));
    await stack.up(
      plan("one"),
      "--replace",
      "urn:pulumi:test::host-configuration::command:remote:Command::la-link",
    );
    expect(contents()).toEqual(["one", "one"]);
  });

  test("another way to reach a host is stored without a commit", async () => {
    await stack.up(plan("one"));
    connections.la = await la.listen();
    const logins = la.logins;
    await stack.up(plan("one"));
    expect(la.logins).toBe(logins + 1);
    await stack.destroy();
    expect(la.files.exists(FILE)).toBe(false);
  });

  test("an interrupted deployment followed by a clean one", async () => {
    await stack.up(plan("one"));
    sg.files.hook(`[ "$2" != reload ] || sleep 2`);
    await stack.interruptUp(plan("two"), () => sg.files.calls(/^systemctl reload/).length > 0);
    sg.files.hook(undefined);
    await stack.pulumi("cancel", "--stack", "test", "--yes");
    await stack.up(plan("two"));
    expect(contents()).toEqual(["two", "two"]);
    for (const { files } of [la, sg]) expect(files.isEnabled("crossborder-rollback-link.timer")).toBe(false);
  });
});
