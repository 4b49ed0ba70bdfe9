import path from "node:path";
import { withLock } from "../toolchain/lock";
import { step } from "../toolchain/steps";
import { ensureSystemPackages, labPackages } from "../toolchain/system";
import { clockOffsets, clockToleranceMs, correctClocks } from "./clocks";
import { stopMachines } from "./machines/down";
import { type Make, usualMake } from "./machines/qemu";
import { ensureMachines, type UpReport } from "./machines/up";
import { type Machine, machines } from "./network/plan";
import { calibrationToleranceMs, defaultRttMs, openOcean } from "./ocean";
import { ensurePrivateDirectory, type LabPaths, labPaths } from "./paths";
import { readState } from "./state";

/** Runs work that only one command of this lab may do at a time; others wait. */
export async function exclusively<T>(paths: LabPaths, work: () => Promise<T>): Promise<T> {
  ensurePrivateDirectory(paths.lab);
  const waiting = (): void => void process.stderr.write("another command is changing this lab; waiting\n");
  return withLock(path.join(paths.lab, "lab.lock"), waiting, work);
}

/**
 * Brings the lab up: machines that answer, clocks that agree, an ocean of 84 ms. What is well is left alone, so on a
 * running lab this only looks.
 * @param make What the machines are to be made of; those of another make are started again.
 * @throws Error when a part can't be brought up; MissingPrerequisite when this computer lacks something.
 */
export function bringUp(paths: LabPaths = labPaths(), make: Make = usualMake): Promise<UpReport> {
  return exclusively(paths, async () => {
    await ensureSystemPackages(labPackages, "to run the lab's machines");
    const report = await ensureMachines(paths, machines, make);
    if (report.booted.length > 0) await step("clocks", {}, () => settleClocks(paths));
    if (report.booted.includes("wan") || readState(paths).baseRttMs === undefined) {
      await step("ocean", {}, async (progress) => {
        progress.progress("measuring and setting its round trip");
        const ocean = await openOcean(paths);
        try {
          const { rttMs } = await ocean.calibrate();
          if (Math.abs(rttMs - defaultRttMs) > calibrationToleranceMs) {
            process.stderr.write(
              `this computer is too busy to hold the ocean at ${defaultRttMs} ms: its median was ${rttMs} ms; ` +
                "on a quiet one run `npm run lab -- ocean --calibrate`\n",
            );
          }
        } finally {
          ocean.close();
        }
      });
    }
    return report;
  });
}

async function settleClocks(paths: LabPaths): Promise<void> {
  const attempts = 3;
  for (let attempt = 1; ; attempt++) {
    await correctClocks(paths);
    const offsets = Object.entries(await clockOffsets(paths));
    const worst = Math.max(...offsets.map(([, offset]) => Math.abs(offset)));
    if (worst < clockToleranceMs) return;
    if (attempt === attempts) {
      const said = offsets.map(([site, offset]) => `${site} ${offset.toFixed(0)} ms`).join(", ");
      throw new Error(`the gateways' clocks do not settle on wan's: ${said}`);
    }
  }
}

/** Stops the lab's machines; their disks stay. @returns those that ran. */
export function bringDown(paths: LabPaths = labPaths()): Promise<Machine[]> {
  return exclusively(paths, () => stopMachines(paths));
}
