import { restoreHealthy, saveHealthy } from "../../lab/healthy";
import { type LabPaths } from "../../lab/paths";
import { bringUp, exclusively } from "../../lab/up";
import { runPulumi } from "../../toolchain/pulumi";

/**
 * Makes the lab the one that this checkout's program deploys, healthy and without faults: from its snapshot, or by a deployment
 * that leaves one.
 * @throws Error when the deployment fails.
 */
export async function healthyLab(paths: LabPaths): Promise<void> {
  // Starts with a look at the machines: a restore in place needs all of them.
  await bringUp(paths);
  if (await exclusively(paths, () => restoreHealthy())) return;
  const { status, stdout, stderr } = await runPulumi(["up", "--stack", "lab", "--yes", "--skip-preview"], {
    quiet: true,
  });
  if (status !== 0)
    throw new Error(`the lab has to be healthy first, and can't be deployed:\n${stdout}${stderr}`);
  await exclusively(paths, () => saveHealthy());
}
