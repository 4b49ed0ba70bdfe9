import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { logDirectory } from "./paths";
import { step } from "./steps";

/** The system packages that the lab needs on the machine that runs it, by Debian's names, and a program of each. */
const programs: Readonly<Record<string, string>> = {
  "qemu-system-x86": "qemu-system-x86_64",
  "qemu-utils": "qemu-img",
  mmdebstrap: "mmdebstrap",
  "openssh-client": "ssh",
  socat: "socat",
  e2fsprogs: "mke2fs",
  "python3-pip": "pip3",
};

/** Names of the system packages that the lab needs, as Debian calls them. */
export const labPackages: readonly string[] = Object.keys(programs);

/** Something is missing that only the person at the machine can provide. The message says what to do. */
export class MissingPrerequisite extends Error {
  override readonly name = "MissingPrerequisite";
}

/** The program's path, or undefined when no directory of `searchPath` has it. */
export function findOnPath(program: string, searchPath = process.env["PATH"] ?? ""): string | undefined {
  // Administrators' tools (mke2fs among them) are not on every user's PATH.
  for (const directory of [...searchPath.split(":"), "/usr/sbin", "/sbin"]) {
    const candidate = join(directory, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
}

function isPresent(name: string): boolean {
  const program = programs[name];
  if (program) return findOnPath(program) !== undefined;
  const query = spawnSync("dpkg-query", ["--show", "--showformat=${db:Status-Status}", name], {
    encoding: "utf8",
  });
  return query.status === 0 && query.stdout === "installed";
}

/**
 * Those of the packages that are missing. One of the lab's counts as present when its program is, whoever packaged it.
 */
export function missingPackages(names: readonly string[]): string[] {
  return names.filter((name) => !isPresent(name));
}

/** What to put before a command so that it runs as root, or undefined when there is no such right. */
export function elevation(): readonly string[] | undefined {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
}

/**
 * Installs system packages that are missing.
 * @param names Debian's names.
 * @param purpose What they are for, completing "needed …".
 * @throws MissingPrerequisite saying exactly what to install where this can't: no apt-get, or no right to use it.
 */
export async function ensureSystemPackages(names: readonly string[], purpose: string): Promise<void> {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  if (!existsSync("/usr/bin/apt-get")) {
    throw new MissingPrerequisite(
      `needed ${purpose}, under the names that your system gives these packages of Debian: ${missing.join(" ")}`,
    );
  }
  const prefix = elevation();
  if (!prefix) {
    throw new MissingPrerequisite(
      `needed ${purpose}; install with: sudo apt-get install --no-install-recommends ${missing.join(" ")}`,
    );
  }
  const log = join(logDirectory, "system-packages.log");
  await step(`system packages: ${missing.join(" ")}`, { log }, async ({ run, progress }) => {
    const aptGet = (...args: string[]): Promise<void> => {
      const [command, ...rest] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
      return run(command!, rest);
    };
    const install = (): Promise<void> =>
      aptGet("install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", ...missing);
    try {
      await install();
    } catch {
      // The package lists may be absent or too old to name files that still exist.
      progress("package lists");
      await aptGet("update");
      progress("installing");
      await install();
    }
  });
}
