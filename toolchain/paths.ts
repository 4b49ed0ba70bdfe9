import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The checkout. */
export const root = resolve(__dirname, "..");

/** Everything that belongs to this checkout and not to git: the lab, its Pulumi state, logs, the passphrase. */
export const labDirectory = join(root, ".lab");

/** Logs of the toolchain's and the lab's steps. */
export const logDirectory = join(labDirectory, "logs");

/** What was downloaded or built once, for all checkouts of this user. */
export const cacheDirectory = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "crossborder");
