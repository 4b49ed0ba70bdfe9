import { bringUp } from "../../../lab/up";
import { type Parts, restoreHealthy, saveHealthy } from "../../../lab/healthy";
import { stackOutputs, type StackOutputs } from "../../../outputs/contract";
import { deploy, deploymentsHave, pulumi } from "./deployment";
import { calmLab, type Lab } from "./lab";

/** Whether this test file has seen the lab up. A restore finds out by itself when a machine has died since. */
let isUp = false;

/**
 * The lab with the program deployed and its link healthy, from a snapshot where there is one.
 * @param parts What the test file's deployments have. Tests of the link do without the rest, which costs each of them time.
 */
export async function deployedLab(parts: Parts = "everything"): Promise<Lab> {
  deploymentsHave(parts);
  if (!isUp) await bringUp();
  isUp = true;
  if (!(await restoreHealthy(parts))) {
    const opened = await calmLab();
    opened.close();
    await deploy();
    await saveHealthy(parts);
  }
  return calmLab();
}

/** The outputs of the deployed stack, secrets included. */
export async function outputs(): Promise<StackOutputs> {
  const { status, output, stdout } = await pulumi(["stack", "output", "--json", "--show-secrets"]);
  if (status !== 0) throw new Error(`the stack's outputs cannot be read:\n${output}`);
  return stackOutputs.parse(JSON.parse(stdout));
}
