import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPTS = join(__dirname, "../../../components/ha");

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "crossborder-ha-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const uptime = Math.floor(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]));

function beat(name: string, at: number | string): string {
  const path = join(directory, name);
  writeFileSync(path, `${at}\n`);
  return path;
}

function check(...heartbeats: string[]): number | null {
  return spawnSync("sh", [join(SCRIPTS, "check.sh"), "60", ...heartbeats]).status;
}

test("the check passes while every heartbeat is fresh", () => {
  const now = Math.floor(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]));
  expect(check(beat("proxy", now), beat("database", now))).toBe(0);
});

test("one that is missing, too old, empty or not a number fails it", () => {
  const fresh = beat("proxy", uptime + 30);
  expect(check(fresh, join(directory, "gone"))).not.toBe(0);
  expect(check(fresh, beat("old", uptime - 61))).not.toBe(0);
  expect(check(fresh, beat("empty", ""))).not.toBe(0);
  expect(check(fresh, beat("words", "well"))).not.toBe(0);
});

/** The script with the directory of a gateway put in the place of the real one. */
function notify(state: string): void {
  const script = readFileSync(join(SCRIPTS, "notify.sh"), "utf8").replace("/run/crossborder-ha", directory);
  const { status, stderr } = spawnSync("sh", ["-c", script, "notify.sh", "INSTANCE", "VI_1", state, "90"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  expect([status, stderr]).toEqual([0, ""]);
}

test("keepalived's state is written as a whole, with the uptime, and no agent has to be there", () => {
  notify("MASTER");
  const written = JSON.parse(readFileSync(join(directory, "vrrp.json"), "utf8")) as Record<string, unknown>;
  expect(written).toMatchObject({ state: "MASTER", priority: 90 });
  expect(written["uptime"]).toBeGreaterThanOrEqual(uptime);
  expect(readdirSync(directory)).toEqual(["vrrp.json"]);
});

test("an agent is woken, and one that hangs is not waited for", () => {
  spawnSync("mkfifo", [join(directory, "wake")]);
  notify("MASTER");
  notify("BACKUP");
  expect(JSON.parse(readFileSync(join(directory, "vrrp.json"), "utf8"))).toMatchObject({ state: "BACKUP" });
});
