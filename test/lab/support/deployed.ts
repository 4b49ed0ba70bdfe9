import { bringUp } from "../../../lab/up";
import { restoreHealthy, saveHealthy } from "../../../lab/healthy";
import { stackOutputs, type StackOutputs } from "../../../outputs/contract";
import { deploy, pulumi } from "./deployment";
import { type Lab, lab } from "./lab";

/** The lab with the program deployed and its link healthy, from a snapshot where there is one. */
export async function deployedLab(): Promise<Lab> {
  await bringUp();
  if (!(await restoreHealthy())) {
    const opened = await lab();
    opened.close();
    await deploy();
    await saveHealthy();
  }
  return lab();
}

/** The outputs of the deployed stack, secrets included. */
export async function outputs(): Promise<StackOutputs> {
  const { status, output, stdout } = await pulumi(["stack", "output", "--json", "--show-secrets"]);
  if (status !== 0) throw new Error(`the stack's outputs cannot be read:\n${output}`);
  return stackOutputs.parse(JSON.parse(stdout));
}
