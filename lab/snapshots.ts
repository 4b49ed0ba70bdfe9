import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { correctClocks } from "./clocks";
import { findImage } from "./image/cache";
import { chosenAccelerator } from "./machines/acceleration";
import { stackStateDirectory } from "./machines/disks";
import { stopMachines } from "./machines/down";
import { type Machine, machines } from "./network/plan";
import { powerOn } from "./machines/up";
import { until } from "./machines/process";
import { baseArguments, hardwareOf, machineFiles, machineProcess, wireNames } from "./machines/qemu";
import { type Qmp, withQmp } from "./machines/qmp";
import { ensurePrivateDirectory, type LabPaths, labPaths } from "./paths";
import { answers } from "./sessions";
import { readState, writeAtomically, writeInventory, writeState } from "./state";

const metadata = z.object({
  /** When it was made, in ms since 1970. */
  at: z.number(),
  /** The disks that hold it. */
  disks: z.record(z.string(), z.string()),
  /** The seed disks that the machines ran with. */
  seeds: z.record(z.string(), z.string()),
  image: z.string(),
  /** What the machines were made of. */
  hardware: z.string(),
});

/** A saved state of the whole lab: memory and disks of every machine, and what Pulumi knew of them. */
export interface Snapshot {
  readonly name: string;
  /** When it was made, in ms since 1970. */
  readonly at: number;
}

const allowedName = /^[a-z][a-z0-9-]{0,31}$/;

/** Longest time for a machine to answer once it has its saved memory back. */
const answerDeadlineMs = 60_000;

function directoryOf(paths: LabPaths, name: string): string {
  if (!allowedName.test(name)) {
    throw new Error(`"${name}" is no name for a snapshot: a small letter, then at most 31 of a-z, 0-9 and -`);
  }
  return path.join(paths.lab, "snapshots", name);
}

/** What a snapshot would be loaded into: the machines that run, or else the usual ones, which are started for it; undefined where none can be. */
function hardware(paths: LabPaths, imageHash: string): string | undefined {
  const running = machines.flatMap((machine) => machineProcess(paths, machine) ?? []);
  if (running.length === machines.length) return running.map(({ argv }) => hardwareOf(argv)).join(", ");
  const image = findImage(paths.cache, imageHash);
  const accelerator = image && chosenAccelerator(image, paths.cache);
  if (!accelerator) return undefined;
  return machines.map((machine) => hardwareOf(baseArguments(accelerator, machine, image, ""))).join(", ");
}

function readMetadata(paths: LabPaths, name: string): z.infer<typeof metadata> | undefined {
  const file = path.join(directoryOf(paths, name), "snapshot.json");
  if (!existsSync(file)) return undefined;
  const parsed = metadata.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success) return undefined;
  const state = readState(paths);
  const { disks, image } = parsed.data;
  const isThere =
    machines.every((machine) => disks[machine] === state.disks[machine]) && image === state.image;
  return isThere && parsed.data.hardware === hardware(paths, image) ? parsed.data : undefined;
}

/** Whether a snapshot can be restored: it was finished, the disks that hold it are still there, and the machines are of the same make. */
export function exists(name: string, paths: LabPaths = labPaths()): boolean {
  return readMetadata(paths, name) !== undefined;
}

/** Snapshots that can be restored, oldest first. */
export function list(paths: LabPaths = labPaths()): Snapshot[] {
  const directory = path.join(paths.lab, "snapshots");
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => allowedName.test(name)) : [];
  return names
    .flatMap((name) => {
      const found = readMetadata(paths, name);
      return found ? [{ name, at: found.at }] : [];
    })
    .sort((a, b) => a.at - b.at);
}

function onAll(paths: LabPaths, work: (all: Qmp[]) => Promise<void>): Promise<void> {
  return withQmp(
    machines.map((machine) => machineFiles(paths, machine).qmp),
    work,
  );
}

/** Stops all machines, does something with each, and lets them go on together, also when it failed. */
async function whileStopped(all: readonly Qmp[], work: (one: Qmp) => Promise<void>): Promise<void> {
  await Promise.all(all.map((one) => one.execute("stop")));
  try {
    await Promise.all(all.map(work));
  } finally {
    await Promise.all(all.map((one) => one.execute("cont")));
  }
}

/** Pulls all wires between the machines, does something, and plugs them in again; what is on its way is lost. */
async function whileUnplugged(all: readonly Qmp[], work: () => Promise<void>): Promise<void> {
  const plug = async (up: boolean): Promise<void> => {
    const ends = machines.flatMap((machine, index) => wireNames(machine).map((name) => ({ name, index })));
    await Promise.all(ends.map(({ name, index }) => all[index]!.execute("set_link", { name, up })));
  };
  await plug(false);
  try {
    await work();
  } finally {
    await plug(true);
  }
}

function copyStackState(from: string, to: string): void {
  const fresh = `${to}.new`;
  rmSync(fresh, { recursive: true, force: true });
  if (existsSync(from)) cpSync(from, fresh, { recursive: true, preserveTimestamps: true });
  rmSync(to, { recursive: true, force: true });
  if (existsSync(fresh)) renameSync(fresh, to);
}

/**
 * Saves the running lab under a name; one of that name is replaced.
 * @throws Error when a machine is not running, or its disk has no room.
 */
export async function save(name: string, paths: LabPaths = labPaths()): Promise<void> {
  const directory = directoryOf(paths, name);
  const stopped = machines.filter((machine) => !machineProcess(paths, machine));
  if (stopped.length > 0) throw new Error(`${stopped.join(", ")} not running: there is nothing to save`);
  rmSync(directory, { recursive: true, force: true });
  await onAll(paths, (all) => whileStopped(all, (one) => one.monitor(`savevm ${name}`)));
  ensurePrivateDirectory(path.dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
  copyStackState(stackStateDirectory(paths), path.join(directory, "pulumi-state"));
  const { disks, seeds, image } = readState(paths);
  writeAtomically(
    path.join(directory, "snapshot.json"),
    JSON.stringify({ at: Date.now(), disks, seeds, image, hardware: hardware(paths, image ?? "") }),
  );
}

/** Removes a snapshot; the disks' space is used again by the next one. */
export async function remove(name: string, paths: LabPaths = labPaths()): Promise<void> {
  rmSync(directoryOf(paths, name), { recursive: true, force: true });
  if (machines.some((machine) => !machineProcess(paths, machine))) return;
  await onAll(paths, async (all) => void (await Promise.all(all.map((one) => one.monitor(`delvm ${name}`)))));
}

/**
 * Brings the whole lab back to a snapshot: machines, ocean and the stack's state; then the clocks are set right. Running
 * machines change their memory in place; others start with it. Sessions that were open before are dead afterwards.
 * @throws Error when there is no such snapshot, or a machine does not answer afterwards.
 */
export async function restore(name: string, paths: LabPaths = labPaths()): Promise<void> {
  const found = readMetadata(paths, name);
  if (!found) throw new Error(`there is no snapshot "${name}" of this lab's disks`);
  if (machines.every((machine) => machineProcess(paths, machine))) {
    // What was sent before must not arrive afterwards: IPsec's replay protection (RFC 4303, 3.4.3) would hold its numbers, and
    // then drop what the restored sender sends until that has counted as far.
    await onAll(paths, (all) =>
      whileUnplugged(all, () => whileStopped(all, (one) => one.monitor(`loadvm ${name}`))),
    );
  } else {
    await startFrom(name, found.image, paths);
  }
  writeState(paths, { ...readState(paths), seeds: found.seeds });
  copyStackState(path.join(directoryOf(paths, name), "pulumi-state"), stackStateDirectory(paths));
  writeInventory(paths);
  await Promise.all(machines.map((machine) => mustAnswer(paths, machine)));
  await correctClocks(paths);
}

async function startFrom(name: string, imageHash: string, paths: LabPaths): Promise<void> {
  const image = findImage(paths.cache, imageHash);
  if (!image) throw new Error(`the golden image under the snapshot "${name}" is gone`);
  for (const directory of [paths.runtime, paths.logs]) ensurePrivateDirectory(directory);
  await stopMachines(paths, "at once");
  const state = readState(paths);
  for (const machine of machines) await powerOn(paths, state, image, machine, { snapshot: name });
  await onAll(paths, async (all) => void (await Promise.all(all.map((one) => one.execute("cont")))));
}

async function mustAnswer(paths: LabPaths, machine: Machine): Promise<void> {
  if (!(await until(() => answers(machine, paths), answerDeadlineMs))) {
    throw new Error(`${machine} does not answer over SSH after the restore`);
  }
}
