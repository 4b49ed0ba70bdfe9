import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/**
 * Puts Python's own directory first on PATH where what stands there is a version manager's script, which takes several times as long
 * to find Python as Python to start; pretended hosts start it thousands of times. Jest's workers get this process's environment.
 */
export default function findPython(): void {
  const path = process.env["PATH"] ?? "";
  const program = ["-c", "import sys; print(sys.executable)"];
  const own = dirname(execFileSync("python3", program, { encoding: "utf8" }).trim());
  const first = path.split(delimiter).find((directory) => existsSync(join(directory, "python3")));
  if (first !== own) process.env["PATH"] = [own, path].join(delimiter);
}
