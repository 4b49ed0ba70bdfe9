import { spawn } from "node:child_process";
import { root } from "../../toolchain/paths";
import type { PulumiResult } from "../../toolchain/pulumi";

/** Runs `npm run <args>` of this checkout. A failing command is a result, not an error. */
export function runCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<PulumiResult> {
  const child = spawn(process.execPath, ["toolchain/run.mjs", ...args], {
    ...{ cwd: root, env: environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 255, stdout, stderr }));
  });
}
