import { type Machine, machines } from "../network/plan";
import type { LabPaths } from "../paths";
import { until } from "./process";
import { clearRuntimeFiles, machineFiles, machineProcess } from "./qemu";
import { withQmp } from "./qmp";
import { slowdownOf } from "./slowdown";

/** How long a machine may take to shut down by itself, by its own clock, before its power is cut. */
const shutdownDeadlineMs = 45_000;

/**
 * Stops a machine.
 * @param how `orderly` presses its power button and waits; `at once` is a power cut.
 */
export async function stopMachine(
  paths: LabPaths,
  machine: Machine,
  how: "orderly" | "at once",
): Promise<void> {
  const found = machineProcess(paths, machine);
  const isGone = (): boolean => machineProcess(paths, machine)?.pid !== found?.pid;
  if (found && how === "orderly") {
    try {
      await withQmp([machineFiles(paths, machine).qmp], async ([qmp]) => {
        await qmp!.execute("cont");
        await qmp!.execute("system_powerdown");
      });
      await until(isGone, shutdownDeadlineMs * slowdownOf(found.argv));
    } catch {
      // A QEMU that does not answer on its control socket can only be killed, which comes next.
    }
  }
  if (found && !isGone()) {
    process.kill(found.pid, "SIGKILL");
    if (!(await until(isGone, 10_000))) throw new Error(`${machine}: process ${found.pid} does not end`);
  }
  clearRuntimeFiles(paths, machine);
}

/** Stops every machine of the lab that runs. @returns those that ran. */
export async function stopMachines(
  paths: LabPaths,
  how: "orderly" | "at once" = "orderly",
): Promise<Machine[]> {
  const running = machines.filter((machine) => machineProcess(paths, machine));
  await Promise.all(running.map((machine) => stopMachine(paths, machine, how)));
  return running;
}
