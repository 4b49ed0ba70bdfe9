import { spawn } from "node:child_process";
import { root } from "../../toolchain/paths";

/** Runs one of the product's commands as an operator's program does. What it says to people goes to the tests' own output. */
export function command(...args: readonly string[]): Promise<{ status: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const stdio: ["ignore", "pipe", "inherit"] = ["ignore", "pipe", "inherit"];
    const child = spawn(process.execPath, ["toolchain/run.mjs", ...args], { cwd: root, stdio });
    let stdout = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout }));
  });
}
