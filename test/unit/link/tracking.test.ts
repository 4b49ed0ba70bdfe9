import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderTracking } from "../../../components/link/firewall/tracking";

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "crossborder-tracking-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const max = () => join(directory, "nf_conntrack_max");
const before = () => join(directory, "crossborder-conntrack-max");

/** Runs the script on a kernel's setting that is a file of the test. */
function tracking(verb: string): number | null {
  const script = renderTracking()
    .content.replaceAll("/proc/sys/net/netfilter/nf_conntrack_max", max())
    .replaceAll("/run/crossborder-conntrack-max", before());
  return spawnSync("sh", ["-c", script, "tracking", verb]).status;
}

function bound(value?: number): number {
  if (value !== undefined) writeFileSync(max(), `${value}\n`);
  return Number(readFileSync(max(), "utf8"));
}

test("a low bound is raised, once, and put back", () => {
  bound(4096);
  expect([tracking("up"), bound()]).toEqual([0, 65_536]);
  expect([tracking("up"), bound()]).toEqual([0, 65_536]);
  expect([tracking("down"), bound()]).toEqual([0, 4096]);
  expect(existsSync(before())).toBe(false);
});

test("a higher one stays as it is, all the time", () => {
  bound(262_144);
  expect([tracking("up"), bound()]).toEqual([0, 262_144]);
  expect([tracking("down"), bound()]).toEqual([0, 262_144]);
});

test("what somebody else has set since stays theirs", () => {
  bound(4096);
  tracking("up");
  bound(200_000);
  expect([tracking("down"), bound()]).toEqual([0, 200_000]);
});

test("a kernel without the setting is an error, not a bound that nobody has raised", () => {
  expect(tracking("up")).not.toBe(0);
});
