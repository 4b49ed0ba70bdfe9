import { spawn } from "node:child_process";
import { root } from "../../toolchain/paths";
import type { PulumiResult } from "../../toolchain/pulumi";

/**
 * Runs `npm run <args>` of this checkout, as an operator's program does. A failing command is a result, not an error.
 * @param said Is given what it says to people, while it comes.
 */
export function runCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
  said: (text: string) => void = () => undefined,
): Promise<PulumiResult> {
  const child = spawn(process.execPath, ["toolchain/run.mjs", ...args], {
    ...{ cwd: root, env: environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
    said(data.toString());
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 255, stdout, stderr }));
  });
}
