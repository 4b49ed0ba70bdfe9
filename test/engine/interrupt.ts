import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { prepare } from "../../toolchain/pulumi";

/** A process and all that it started, by /proc. The engine's plugins are in process groups of their own. */
function family(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The name of the program, in parentheses, may hold anything.
        const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
        return [{ pid: Number(name), parent: Number(parent) }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
  const found = [pid];
  for (const one of found) {
    found.push(...parents.filter(({ parent }) => parent === one).map((child) => child.pid));
  }
  return found;
}

/** Starts the CLI and kills it, with all that it started, as soon as a condition holds. */
export async function interruptPulumi(
  args: readonly string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
  when: () => boolean,
): Promise<void> {
  const prepared = await prepare([...args], cwd);
  const child = spawn(prepared.path, args, { cwd, env: { ...prepared.env, ...env }, stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const kill = async (): Promise<void> => {
    for (const pid of family(child.pid!)) process.kill(pid, "SIGKILL");
    await ended;
  };
  const deadline = Date.now() + 300_000;
  while (!when()) {
    if (Date.now() > deadline || child.exitCode !== null) {
      if (child.exitCode === null) await kill();
      throw new Error("the moment to interrupt did not come");
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await kill();
}
