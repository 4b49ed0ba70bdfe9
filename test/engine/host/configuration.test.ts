import type { Manifest } from "../../../components/host/manifest";
import type { SshConnection } from "../../../providers/ssh/session";
import type { Plan } from "./program";
import { RemoteHost, TestStack } from "./stack";

jest.setTimeout(900_000);

const FILE = "/etc/frr/frr.conf";
const SECRET = "Zk9pQm1hX3NlY3JldF9wc2tfZm9yX3RoZV90ZXN0";

let stack: TestStack;
let host: RemoteHost;
let connection: SshConnection;

beforeEach(async () => {
  stack = new TestStack();
  host = new RemoteHost();
  connection = await host.listen();
  await stack.create();
});
afterEach(async () => {
  await host.close();
  stack.remove();
});

function manifest(content: string): Manifest {
  return {
    component: "link",
    packages: [],
    files: [
      { path: FILE, content, mode: "0644" },
      { path: "/etc/swanctl/psk.conf", content: `secret = ${SECRET}`, mode: "0600" },
    ],
    sysctl: {},
    checks: [{ name: "is not bad", argv: ["sh", "-c", `! grep -q bad "$0"`, `{stage}${FILE}`] }],
    units: [],
    teardown: [],
    verify: [],
  };
}

function plan(content: string, parts: Partial<Plan["configurations"][number]> = {}): Plan {
  return {
    configurations: [{ name: "la-link", host: "la", connection, manifest: manifest(content), ...parts }],
  };
}

describe("a host configuration and the real engine", () => {
  test("install, change, do nothing, take the files away again; with no secret in state or log", async () => {
    const before = host.files.snapshot();
    let log = await stack.up(plan("one"));
    expect(host.files.read(FILE)).toBe("one");

    expect(await stack.preview(plan("two"))).toEqual({ "la-link": "update" });
    expect(host.files.read(FILE)).toBe("one");
    const logins = host.logins;
    log += await stack.up(plan("two"));
    expect(host.files.read(FILE)).toBe("two");
    expect(host.logins).toBe(logins + 1);

    log += await stack.up(plan("two"));
    expect(host.logins).toBe(logins + 1);

    const state = await stack.state();
    for (const secret of [SECRET, connection.privateKey.split("\n")[2]!]) {
      expect(state.includes(secret)).toBe(false);
      expect(log.includes(secret)).toBe(false);
    }
    await stack.destroy();
    expect(host.files.snapshot()).toEqual(before);
  });

  test("another key, port and host key to the same host leave the files there", async () => {
    await stack.up(plan("one"));
    connection = await host.listen();
    expect(await stack.preview(plan("one"))).toEqual({ "la-link": "update" });
    await stack.up(plan("one"));
    expect(host.files.read(FILE)).toBe("one");
  });

  test("a new name of the resource leaves the files there, with an alias or without", async () => {
    await stack.up(plan("one"));
    expect(await stack.preview(plan("one", { name: "la-gw1-link", alias: "la-link" }))).toEqual({
      "la-gw1-link": "update",
    });
    await stack.up(plan("one", { name: "la-gw1-link", alias: "la-link" }));
    expect(host.files.read(FILE)).toBe("one");
    await stack.up(plan("one", { name: "la-gw2-link" }));
    expect(host.files.read(FILE)).toBe("one");
    await stack.destroy();
    expect(host.files.exists(FILE)).toBe(false);
  });

  test("a forced replacement leaves the files there", async () => {
    await stack.up(plan("one"));
    await stack.up(
      plan("one"),
      "--replace",
      "urn:pulumi:test::host-configuration::command:remote:Command::la-link",
    );
    expect(host.files.read(FILE)).toBe("one");
  });

  test("a manifest that a check refuses fails the deployment; the next good one works", async () => {
    await stack.up(plan("one"));
    const failed = await stack.tryUp(plan("bad"));
    expect(failed.status).not.toBe(0);
    expect(failed.stdout + failed.stderr).toContain("check 'is not bad' failed");
    expect(failed.stdout + failed.stderr).not.toContain(SECRET);
    expect(host.files.read(FILE)).toBe("one");
    await stack.up(plan("two"));
    expect(host.files.read(FILE)).toBe("two");
  });
});
