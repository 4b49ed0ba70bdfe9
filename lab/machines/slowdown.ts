import { spawnSync } from "node:child_process";
import { ensureSystemPackages, MissingPrerequisite } from "../../toolchain/system";

/** Debian's name of the library that slows a program's time. */
const libraryPackage = "libfaketime";

/** The loader puts the directory of its own architecture's libraries in place of `$LIB`. */
const library = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/** Argument of a slowed machine's kernel, which ignores it: what runs can be told from its arguments, and a snapshot knows it too. */
const kernelArgument = "crossborder.slowdown";

/** What a machine's kernel is told of its slowdown; empty without one. */
export function slowdownArguments(slowdown: number): string[] {
  return slowdown > 1 ? [`${kernelArgument}=${slowdown}`] : [];
}

/** How many times slower than this computer's a machine's time runs, by QEMU's arguments. */
export function slowdownOf(argv: readonly string[]): number {
  const kernel = argv[argv.indexOf("-append") + 1]?.split(" ") ?? [];
  const found = kernel.find((word) => word.startsWith(`${kernelArgument}=`));
  return found === undefined ? 1 : Number(found.slice(kernelArgument.length + 1));
}

/** The environment of a program, QEMU, whose clocks and timers all run so many times slower. */
export function slowedEnvironment(slowdown: number): NodeJS.ProcessEnv {
  if (slowdown === 1) return process.env;
  return {
    ...process.env,
    LD_PRELOAD: library,
    FAKETIME: `+0 x${1 / slowdown}`,
    // Always worked out anew, for this program alone, and files keep their own times.
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DISABLE_SHM: "1",
    FAKETIME_DONT_FAKE_STAT: "1",
  };
}

/** Whether the loader finds the library. Where it doesn't, it says so and runs the program all the same, at the usual pace. */
function isThere(): boolean {
  const { status, stderr } = spawnSync("true", { env: slowedEnvironment(2), encoding: "utf8" });
  return status === 0 && !stderr.includes("cannot be preloaded");
}

/**
 * Makes sure that time can be slowed on this computer.
 * @throws MissingPrerequisite saying what to install where this can't.
 */
export async function ensureSlowing(): Promise<void> {
  if (isThere()) return;
  await ensureSystemPackages([libraryPackage], "to slow the machines' time");
  if (!isThere()) throw new MissingPrerequisite(`to slow the machines' time, ${library} is needed`);
}
