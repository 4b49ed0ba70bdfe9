import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../toolchain/paths";

/**
 * Runs one of the project's own commands, as its operator would.
 * @throws Error with what it printed when it fails.
 */
export async function runCommand(name: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [join(root, "toolchain", "run.mjs"), name, ...args], {
    // Not of this terminal's group: an interrupt is for the drill, which then undoes what it did.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let all = "";
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    all += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => (all += data.toString()));
  const status = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 255));
  });
  if (status !== 0)
    throw new Error(`npm run ${name} ${args.join(" ")} ended with status ${status}:\n${all.trim()}`);
  return stdout;
}
