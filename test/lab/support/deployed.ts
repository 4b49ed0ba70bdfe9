import { bringUp } from "../../../lab/up";
import { restoreHealthy, saveHealthy } from "../../../lab/healthy";
import { stackOutputs, type StackOutputs } from "../../../outputs/contract";
import { deploy, pulumi } from "./deployment";
import { calmLab, type Lab } from "./lab";

/** Whether this test file has seen the lab up. A restore finds out by itself when a machine has died since. */
let isUp = false;

/** The lab with the program deployed and its link healthy, from a snapshot where there is one. */
export async function deployedLab(): Promise<Lab> {
  if (!isUp) await bringUp();
  isUp = true;
  if (!(await restoreHealthy())) {
    const opened = await calmLab();
    opened.close();
    await deploy();
    await saveHealthy();
  }
  return calmLab();
}

/** The outputs of the deployed stack, secrets included. */
export async function outputs(): Promise<StackOutputs> {
  const { status, output, stdout } = await pulumi(["stack", "output", "--json", "--show-secrets"]);
  if (status !== 0) throw new Error(`the stack's outputs cannot be read:\n${output}`);
  return stackOutputs.parse(JSON.parse(stdout));
}
