import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { cacheDirectory, labDirectory, root } from "../toolchain/paths";

/** Where a lab keeps its things. */
export interface LabPaths {
  /** State that is worth keeping: disks, keys, inventory, snapshots, the stack's state. */
  readonly lab: string;
  /** Logs of builds and the machines' consoles. */
  readonly logs: string;
  /** Sockets and pid files. Short, because a socket's path is limited to 107 bytes, and of this lab alone. */
  readonly runtime: string;
  /** What all checkouts of this user share, e.g. golden images. */
  readonly cache: string;
}

/**
 * The paths of the lab.
 * @param env `CROSSBORDER_LAB_DIR` puts the lab's state elsewhere than `<checkout>/.lab`, which makes a second lab
 *   beside the first; `XDG_RUNTIME_DIR` means what it means everywhere.
 */
export function labPaths(env: NodeJS.ProcessEnv = process.env): LabPaths {
  const own = env["CROSSBORDER_LAB_DIR"];
  const lab = own ? path.resolve(root, own) : labDirectory;
  const id = createHash("sha256").update(lab).digest("hex").slice(0, 8);
  return {
    lab,
    logs: path.join(lab, "logs"),
    runtime: path.join(env["XDG_RUNTIME_DIR"] || tmpdir(), `crossborder-${process.getuid?.() ?? 0}-${id}`),
    cache: cacheDirectory,
  };
}

/**
 * Makes a directory that only its owner may enter.
 * @throws Error when something else is at that path, as another user of a shared temporary directory could plan.
 */
export function ensurePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new Error(`${directory} must be a directory of the current user: remove it and try again`);
  }
  chmodSync(directory, 0o700);
}
