import { ensureImage } from "../image/build";
import { findImage, type Image } from "../image/cache";
import { seedHash, writeKnownHosts, writeSeed } from "../identity";
import { type Machine, machines } from "../network/plan";
import { ensurePrivateDirectory, type LabPaths } from "../paths";
import { answers, openSession, run } from "../sessions";
import { labExists, type LabState, readState, writeInventory, writeState } from "../state";
import { step } from "../../toolchain/steps";
import { chooseAccelerator } from "./acceleration";
import { diskIsSound, makeDisks } from "./disks";
import { stopMachine } from "./down";
import { freePort } from "./ports";
import { clearRuntimeFiles, launch, machineArguments, machineFiles, machineProcess } from "./qemu";
import { withQmp } from "./qmp";

/** Longest time from power-on until a machine answers over SSH, on a small host that emulates the processor. */
const bootDeadlineMs = 240_000;

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
 * is paused, replaces what is damaged. Machines that are well are not touched.
 * @param wanted All three, unless a test needs fewer.
 * @throws Error when a machine doesn't come up even on a fresh disk.
 */
export async function ensureMachines(
  paths: LabPaths,
  wanted: readonly Machine[] = machines,
): Promise<UpReport> {
  for (const directory of [paths.lab, paths.logs, paths.runtime]) ensurePrivateDirectory(directory);
  const known = labExists(paths);
  const state = readState(paths);
  const repairs: string[] = [];
  const well = await Promise.all(wanted.map((machine) => isWell(paths, state, machine, repairs)));
  const down = wanted.filter((_, index) => !well[index]);
  const running = wanted.filter((_, index) => well[index]);

  if (down.length > 0) {
    const image = await imageFor(paths, state, running, repairs);
    const fresh = down.filter((machine) => !diskIsSound(paths, machine));
    if (fresh.length > 0) {
      if (known)
        for (const machine of fresh)
          if (state.disks[machine]) repairs.push(`${machine}: its disk was damaged`);
      for (const machine of await replaceDisks(paths, state, image, fresh, repairs)) {
        if (!down.includes(machine) && wanted.includes(machine)) down.push(machine);
      }
    }
    await boot(paths, state, image, down, repairs);
  }
  writeKnownHosts(paths);
  if (machines.every((machine) => state.ports[machine] !== undefined)) writeInventory(paths);
  const outdated = wanted.filter((machine) => state.seeds[machine] !== seedHash(paths, machine));
  return { booted: machines.filter((machine) => down.includes(machine)), repairs, outdated };
}

async function isWell(
  paths: LabPaths,
  state: LabState,
  machine: Machine,
  repairs: string[],
): Promise<boolean> {
  if (!machineProcess(paths, machine)) {
    if (state.seeds[machine]) repairs.push(`${machine}: was not running`);
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
    repairs.push(
      `${machine}: started again, because ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  await stopMachine(paths, machine, "at once");
  return false;
}

/** The image under the disks that are there; the newest when there are none, or theirs is gone. */
async function imageFor(
  paths: LabPaths,
  state: LabState,
  running: readonly Machine[],
  repairs: string[],
): Promise<Image> {
  const inUse = state.image === undefined ? undefined : findImage(paths.cache, state.image);
  if (inUse) return inUse;
  if (state.image !== undefined) {
    repairs.push("the golden image under the machines' disks is gone or damaged: all of them start over");
    for (const machine of running) await stopMachine(paths, machine, "at once");
    state.disks = {};
  }
  const image = await ensureImage(paths.cache, paths.logs);
  state.image = image.hash;
  makeDisks(paths, state, image, machines);
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

async function boot(
  paths: LabPaths,
  state: LabState,
  image: Image,
  wanted: readonly Machine[],
  repairs: string[],
): Promise<void> {
  await step(`machines ${wanted.join(", ")}`, {}, async (progress) => {
    for (const machine of wanted) await powerOn(paths, state, image, machine);
    const waiting = new Set(wanted);
    await Promise.all(
      wanted.map(async (machine) => {
        if (!(await comesUp(paths, machine))) {
          repairs.push(`${machine}: did not come up`);
          for (const made of await replaceDisks(paths, state, image, [machine], repairs)) {
            await stopMachine(paths, made, "at once");
            await powerOn(paths, state, image, made);
          }
          if (!(await comesUp(paths, machine))) {
            throw new Error(
              `${machine} does not come up; its console is in ${machineFiles(paths, machine).console}`,
            );
          }
        }
        await checkSeed(paths, machine);
        waiting.delete(machine);
        progress.progress(waiting.size > 0 ? `waiting for ${[...waiting].join(", ")}` : "all answer");
      }),
    );
  });
}

/** @throws Error when the machine's address plan did not come into force. */
async function checkSeed(paths: LabPaths, machine: Machine): Promise<void> {
  const session = await openSession(machine, { paths });
  try {
    const wait =
      "systemctl start lab-seed.service 2>&1 || { journalctl -b -u lab-seed.service --no-pager -o cat; exit 1; }";
    await run(session, wait);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${machine} did not take its address plan: ${reason}`, { cause: error });
  } finally {
    session.close();
  }
}

/** Starts a machine without waiting for it. @param snapshot Saved state to resume from instead of booting. */
export async function powerOn(
  paths: LabPaths,
  state: LabState,
  image: Image,
  machine: Machine,
  snapshot?: string,
): Promise<void> {
  clearRuntimeFiles(paths, machine);
  writeSeed(paths, machine);
  const accelerator = await chooseAccelerator(image, paths.cache, (line) =>
    process.stderr.write(`${line}\n`),
  );
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(state.ports[machine]);
    state.ports[machine] = port;
    state.seeds[machine] = seedHash(paths, machine);
    writeState(paths, state);
    try {
      launch(machineArguments(paths, image, machine, { accelerator, port, snapshot }));
      return;
    } catch (error) {
      // Between looking for a free port and taking it someone else may have taken it.
      if (attempt === 3 || !/host forwarding rule/i.test(String(error))) throw error;
    }
  }
}

async function comesUp(paths: LabPaths, machine: Machine): Promise<boolean> {
  const end = Date.now() + bootDeadlineMs;
  while (Date.now() < end && machineProcess(paths, machine)) {
    if (await answers(machine, paths, 15_000)) return true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return false;
}
