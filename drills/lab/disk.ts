import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { findImage } from "../../lab/image/cache";
import { machineFiles } from "../../lab/machines/qemu";
import type { Machine } from "../../lab/network/plan";
import type { LabPaths } from "../../lab/paths";
import { readState } from "../../lab/state";

function keptFile(paths: LabPaths, machine: Machine): string {
  return `${machineFiles(paths, machine).disk}.kept`;
}

/**
 * Gives a machine that is off an empty disk. Its own is kept aside, because the lab's snapshots live in it.
 * @throws Error with the words of qemu-img.
 */
export function takeDisk(paths: LabPaths, machine: Machine): void {
  const { disk } = machineFiles(paths, machine);
  const image = findImage(paths.cache, readState(paths).image ?? "");
  if (!image) throw new Error(`the golden image under the disk of ${machine} is gone`);
  if (!isDiskTaken(paths, machine)) renameSync(disk, keptFile(paths, machine));
  rmSync(disk, { force: true });
  const args = ["create", "-q", "-f", "qcow2", "-b", image.disk, "-F", "raw", disk];
  const made = spawnSync("qemu-img", args, { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`an empty disk for ${machine} can't be made: ${made.stderr.trim()}`);
}

/** Whether a machine is without its own disk. */
export function isDiskTaken(paths: LabPaths, machine: Machine): boolean {
  return existsSync(keptFile(paths, machine));
}

/** Gives a machine that is off its own disk back. */
export function giveDiskBack(paths: LabPaths, machine: Machine): void {
  renameSync(keptFile(paths, machine), machineFiles(paths, machine).disk);
}
