import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { Image } from "../image/cache";
import { type Machine, machines } from "../network/plan";
import type { LabPaths } from "../paths";
import type { LabState } from "../state";
import { machineFiles } from "./qemu";

/** Files of the stack `lab` in its local backend: what Pulumi believes to be on the gateways. */
export function stackStateDirectory(paths: LabPaths): string {
  return path.join(paths.lab, "pulumi-state");
}

/** Whether a machine's disk is there and its structure whole. */
export function diskIsSound(paths: LabPaths, machine: Machine): boolean {
  const { disk } = machineFiles(paths, machine);
  if (!existsSync(disk)) return false;
  // Without taking the lock (-U), which a machine that was just killed may hold for a moment after its end.
  // 3 means clusters that nobody uses: wasted space, no damage.
  const { status } = spawnSync("qemu-img", ["check", "-q", "-U", disk], { stdio: "ignore" });
  return status === 0 || status === 3;
}

/**
 * Gives machines fresh disks over the golden image. Whatever was saved in the old ones is gone: snapshots, and for
 * gateways what was deployed on them, so the stack's state goes too and both gateways start over. A deployment that
 * believed in a configuration that no longer exists would not put it back.
 * @returns the machines whose disks were made.
 */
export function makeDisks(
  paths: LabPaths,
  state: LabState,
  image: Image,
  wanted: readonly Machine[],
): Machine[] {
  const gateways = wanted.some((machine) => machine !== "wan");
  const affected = machines.filter((machine) => wanted.includes(machine) || (gateways && machine !== "wan"));
  rmSync(path.join(paths.lab, "snapshots"), { recursive: true, force: true });
  if (gateways) rmSync(stackStateDirectory(paths), { recursive: true, force: true });
  for (const machine of affected) {
    const { disk } = machineFiles(paths, machine);
    mkdirSync(path.dirname(disk), { recursive: true, mode: 0o700 });
    rmSync(disk, { force: true });
    const args = ["create", "-q", "-f", "qcow2", "-b", image.disk, "-F", "raw", disk];
    const made = spawnSync("qemu-img", args, { encoding: "utf8" });
    if (made.status !== 0) throw new Error(`the disk of ${machine} cannot be made: ${made.stderr.trim()}`);
    state.disks[machine] = randomBytes(6).toString("hex");
  }
  state.image = image.hash;
  return affected;
}
