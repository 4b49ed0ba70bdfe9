import { ensureImage } from "../image/build";
import { findImage, type Image } from "../image/cache";
import { seedHash, writeKnownHosts, writeSeed } from "../identity";
import { type Machine, machines } from "../network/plan";
import { ensurePrivateDirectory, type LabPaths } from "../paths";
import { answers, openSession, run } from "../sessions";
import { type LabState, readState, writeInventory, writeState } from "../state";
import { step, type Step } from "../../toolchain/steps";
import { chooseAccelerator } from "./acceleration";
import { diskIsSound, makeDisks } from "./disks";
import { stopMachine, stopMachines } from "./down";
import { freePort } from "./ports";
import { until } from "./process";
import {
  type Accelerator,
  clearRuntimeFiles,
  differences,
  launch,
  machineArguments,
  machineFiles,
  machineProcess,
  type Make,
  usualMake,
} from "./qemu";
import { withQmp } from "./qmp";
import { ensureSlowing } from "./slowdown";

/**
 * Longest time from power-on until a machine answers over SSH. Three emulated machines take under a minute on two idle
 * processors, and several times that on busy ones; a disk is given up for lost only when that can't be the reason.
 */
const bootDeadlineMs = 420_000;

/** What daemons and timers of a boot wait for by the machine's own clock, at most. Slowed machines compute as fast as others. */
const bootWaitsMs = 30_000;

const launchAttempts = 10;

/** How long a machine that runs may take to answer before it counts as hung. */
const answerDeadlineMs = 30_000;

/** What `ensureMachines` did. */
export interface UpReport {
  /** Machines that were booted; empty when all were up. */
  readonly booted: readonly Machine[];
  /** What was found broken and what was done about it, a line each. */
  readonly repairs: readonly string[];
  /** Machines that run with an older address plan than this checkout's, because they booted before it changed. */
  readonly outdated: readonly Machine[];
}

/**
 * Makes the wanted machines run and answer: builds the image and disks that are missing, boots what is down, resumes what
 * is paused, replaces what is damaged, starts again what is of another make. Machines that are well are not touched.
 * @param wanted All three, unless a test needs fewer.
 * @param make What they are to be made of.
 * @throws Error when a machine doesn't come up even on a fresh disk, or when machines are to be slowed that aren't emulated.
 */
export async function ensureMachines(
  paths: LabPaths,
  wanted: readonly Machine[] = machines,
  make: Make = usualMake,
): Promise<UpReport> {
  for (const directory of [paths.lab, paths.logs, paths.runtime]) ensurePrivateDirectory(directory);
  const state = readState(paths);
  const repairs: string[] = [];
  if (make.slowdown > 1) await mustBeSlowable(paths, state, make);
  const well = await Promise.all(wanted.map((machine) => isWell(paths, state, machine, make, repairs)));
  const booted = new Set(wanted.filter((_, index) => !well[index]));

  if (booted.size > 0) {
    let image = state.image === undefined ? undefined : findImage(paths.cache, state.image);
    const fresh = new Set<Machine>();
    if (!image) {
      image = await startOver(paths, state, repairs);
      for (const machine of machines) fresh.add(machine);
    }
    const damaged = [...booted].filter((machine) => !diskIsSound(paths, machine));
    if (damaged.length > 0) {
      repairs.push(`${damaged.join(", ")}: disk missing or damaged`);
      for (const machine of await replaceDisks(paths, state, image, damaged, repairs)) fresh.add(machine);
    }
    for (const machine of wanted) if (fresh.has(machine)) booted.add(machine);
    for (const machine of await boot(paths, state, image, make, [...booted], fresh, repairs))
      booted.add(machine);
  }
  writeKnownHosts(paths);
  if (machines.every((machine) => state.ports[machine] !== undefined)) writeInventory(paths);
  const outdated = wanted.filter((machine) => state.seeds[machine] !== seedHash(paths, machine));
  return { booted: machines.filter((machine) => booted.has(machine)), repairs, outdated };
}

function acceleratorFor(paths: LabPaths, image: Image): Promise<Accelerator> {
  return chooseAccelerator(image, paths.cache, (line) => process.stderr.write(`${line}\n`));
}

/** @throws Error where machines aren't emulated: their processor's clock is this computer's own. */
async function mustBeSlowable(paths: LabPaths, state: LabState, { slowdown }: Make): Promise<void> {
  const image = findImage(paths.cache, state.image ?? "") ?? (await ensureImage(paths.cache, paths.logs));
  if ((await acceleratorFor(paths, image)) === "kvm") {
    throw new Error(
      `--slowdown ${slowdown}: only emulated machines can be slowed, and this computer runs them with KVM`,
    );
  }
  await ensureSlowing();
}

async function isWell(
  paths: LabPaths,
  state: LabState,
  machine: Machine,
  make: Make,
  repairs: string[],
): Promise<boolean> {
  const found = machineProcess(paths, machine);
  if (!found) {
    if (state.seeds[machine]) repairs.push(`${machine}: was not running`);
    return false;
  }
  const different = differences(machine, found.argv, make);
  if (different.length > 0) {
    await stopMachine(paths, machine, "orderly");
    repairs.push(`${machine}: started again with ${different.join(" and ")}`);
    return false;
  }
  try {
    await withQmp([machineFiles(paths, machine).qmp], async ([qmp]) => {
      const { status } = (await qmp!.execute("query-status")) as { status: string };
      if (status !== "paused") return;
      await qmp!.execute("cont");
      repairs.push(`${machine}: was paused, resumed`);
    });
    if (await answers(machine, paths, answerDeadlineMs)) return true;
    repairs.push(`${machine}: ran but did not answer over SSH, started again`);
  } catch (error) {
    // A process that is just ending is there for a moment more.
    const ended = await until(() => !machineProcess(paths, machine), 1_000);
    const reason = error instanceof Error ? error.message : String(error);
    repairs.push(ended ? `${machine}: was not running` : `${machine}: started again, because ${reason}`);
  }
  await stopMachine(paths, machine, "at once");
  return false;
}

/** Makes disks for all machines over the newest image: the first time, or when the image under the old ones is gone. */
async function startOver(paths: LabPaths, state: LabState, repairs: string[]): Promise<Image> {
  if (state.image !== undefined) {
    repairs.push("the golden image under the machines' disks is gone or damaged: all of them start over");
    await stopMachines(paths, "at once");
  }
  const image = await ensureImage(paths.cache, paths.logs);
  makeDisks(paths, state, image, machines);
  writeState(paths, state);
  return image;
}

async function replaceDisks(
  paths: LabPaths,
  state: LabState,
  image: Image,
  wanted: readonly Machine[],
  repairs: string[],
): Promise<Machine[]> {
  const gateways: readonly Machine[] = wanted.some((machine) => machine !== "wan") ? ["la", "sg"] : [];
  for (const machine of gateways) await stopMachine(paths, machine, "at once");
  const made = makeDisks(paths, state, image, wanted);
  repairs.push(`${made.join(", ")}: new disk, nothing deployed on ${made.length > 1 ? "them" : "it"}`);
  writeState(paths, state);
  return made;
}

/**
 * Boots machines and waits until they answer. One that doesn't, and whose disk is not new, gets a new disk.
 * @returns the machines that were booted, which may be more than were asked for.
 */
async function boot(
  paths: LabPaths,
  state: LabState,
  image: Image,
  make: Make,
  wanted: readonly Machine[],
  fresh: ReadonlySet<Machine>,
  repairs: string[],
): Promise<readonly Machine[]> {
  const failed = await step(`machines ${wanted.join(", ")}`, {}, (shown) =>
    powerOnAll(paths, state, image, make, wanted, shown),
  );
  if (failed.length === 0) return wanted;
  const consoles = failed.map((machine) => machineFiles(paths, machine).console).join(", ");
  if (failed.some((machine) => fresh.has(machine))) {
    throw new Error(`${failed.join(", ")}: did not come up on a new disk; what they said is in ${consoles}`);
  }
  repairs.push(`${failed.join(", ")}: did not come up (${consoles})`);
  const replaced = await replaceDisks(paths, state, image, failed, repairs);
  for (const machine of replaced) await stopMachine(paths, machine, "at once");
  const again = await boot(paths, state, image, make, replaced, new Set(replaced), repairs);
  return [...new Set([...wanted, ...again])];
}

/** @returns the machines that did not come up. */
async function powerOnAll(
  paths: LabPaths,
  state: LabState,
  image: Image,
  make: Make,
  wanted: readonly Machine[],
  shown: Step,
): Promise<Machine[]> {
  for (const machine of wanted) await powerOn(paths, state, image, machine, { make });
  const deadlineMs = bootDeadlineMs + bootWaitsMs * (make.slowdown - 1);
  const waiting = new Set(wanted);
  await Promise.all(
    wanted.map(async (machine) => {
      shown.progress(`waiting for ${[...waiting].join(", ")}`);
      if (!(await comesUp(paths, machine, deadlineMs))) return;
      await checkSeed(paths, machine, deadlineMs);
      waiting.delete(machine);
      shown.progress(`waiting for ${[...waiting].join(", ")}`);
    }),
  );
  return [...waiting];
}

/** @throws Error when the machine's address plan did not come into force. */
async function checkSeed(paths: LabPaths, machine: Machine, timeoutMs: number): Promise<void> {
  const session = await openSession(machine, { paths });
  try {
    const wait =
      "systemctl start lab-seed.service 2>&1 || { journalctl -b -u lab-seed.service --no-pager -o cat; exit 1; }";
    await run(session, wait, { timeoutMs });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${machine} did not take its address plan: ${reason}`, { cause: error });
  } finally {
    session.close();
  }
}

/**
 * Starts a machine without waiting for it.
 * @param options.snapshot Saved state to resume from instead of booting.
 * @param options.make What it is made of. @default the usual
 */
export async function powerOn(
  paths: LabPaths,
  state: LabState,
  image: Image,
  machine: Machine,
  options: { snapshot?: string; make?: Make } = {},
): Promise<void> {
  clearRuntimeFiles(paths, machine);
  writeSeed(paths, machine);
  const accelerator = await acceleratorFor(paths, image);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(state.ports[machine]);
    state.ports[machine] = port;
    state.seeds[machine] = seedHash(paths, machine);
    writeState(paths, state);
    try {
      launch(machineArguments(paths, image, machine, { ...options, accelerator, port }));
      return;
    } catch (error) {
      // Someone may have taken the port after it was found free, and a machine that was just killed may hold its disk's
      // lock for a moment.
      const mayPass = /host forwarding rule|get .*lock/i.test(String(error));
      if (attempt === launchAttempts || !mayPass) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Whether a machine answers in time; not when its process ends before. */
async function comesUp(paths: LabPaths, machine: Machine, deadlineMs: number): Promise<boolean> {
  const end = Date.now() + deadlineMs;
  while (Date.now() < end && machineProcess(paths, machine)) {
    if (await answers(machine, paths, 15_000)) return true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return false;
}
