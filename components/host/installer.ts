import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "./manifest";

/** Where the installer keeps itself on a host for what comes after the first apply. */
export const INSTALLER_PATH = "/usr/local/lib/crossborder/installer.py";

/**
 * Reads a request and the installer itself from standard input, so that a host needs nothing but Python beforehand and
 * neither shows in a process list. Constant: Pulumi prints the command text when a command fails.
 */
const BOOTSTRAP = `python3 -c 'import json,sys; d=json.load(sys.stdin); exec(compile(d["installer"],"installer","exec"))'`;

/** What the installer does with a manifest that arrives over standard input. */
export type BootstrapOperation = "apply" | "stage";

/** Operations on what is on a host already. */
export type InstallerOperation =
  "commit" | "confirm" | "settle" | "ready" | "rollback" | "remove" | "verify" | "status";

/** Options of an operation by their name on the command line, without dashes. */
export type InstallerOptions = Readonly<Record<string, string | number>>;

/** What to put before a command so that it runs as root. */
export function asRoot(user: string): string {
  return user === "root" ? "" : "sudo -n ";
}

/** A word that a shell takes as it is. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The installer's source, sent along with every manifest. */
export function installerSource(): string {
  return readFileSync(join(__dirname, "installer.py"), "utf8");
}

/** The command line that carries out the request on its standard input. */
export function bootstrapCommand(user: string): string {
  return asRoot(user) + BOOTSTRAP;
}

/**
 * What `bootstrapCommand` reads.
 * @param owner Name of the resource that will remove the component.
 */
export function bootstrapRequest(
  op: BootstrapOperation,
  owner: string,
  generation: string,
  manifest: Manifest,
): string {
  return JSON.stringify({ op, owner, generation, manifest, installer: installerSource() });
}

/** The command line of an operation on what is on the host already. */
export function installerCommand(
  user: string,
  operation: InstallerOperation,
  options: InstallerOptions = {},
): string {
  const words = Object.entries(options).map(([name, value]) => ` --${name} ${quoted(String(value))}`);
  return `${asRoot(user)}python3 ${INSTALLER_PATH} ${operation}${words.join("")}`;
}

/** Removes a generation. Succeeds where the installer is gone: it goes with the last component that it removes. */
export function removeCommand(user: string, component: string, owner: string, generation: string): string {
  const remove = installerCommand(user, "remove", { component, owner, generation });
  return `if test -e ${INSTALLER_PATH}; then ${remove}; fi`;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/**
 * The name of a generation: a digest of the manifest and of the installer that interprets it, 32 hexadecimal digits.
 * It tells nothing of a secret in the manifest as long as the secret is long and random (a PSK or a key, never a
 * password that someone thought of), so it may be shown.
 */
export function generationOf(manifest: Manifest): string {
  const hash = createHash("sha256").update(canonical(manifest)).update("\0").update(installerSource());
  return hash.digest("hex").slice(0, 32);
}
