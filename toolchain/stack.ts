import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { labDirectory, root } from "./paths";

/**
 * The passphrase's salt has to stand in a stack's settings file, but Pulumi.lab.yaml is committed and every checkout has a
 * passphrase of its own. So the CLI is given `.lab/stack/Pulumi.<stack>.yaml`: the committed settings, and the salt.
 */
export const stackDirectory = join(labDirectory, "stack");

const saltLine = /^encryptionsalt:.*\n?/m;

/** Whether a stack is the lab's, which lives and dies with the checkout, and not one of the operator's own. */
export function isLabStack(stack: string): boolean {
  return stack === "lab" || stack.startsWith("lab-");
}

/** Settings without the salt line. */
export function withoutSalt(settings: string): string {
  return settings.replace(saltLine, "");
}

/** Settings with this checkout's salt in place of any other. */
export function withSalt(settings: string, salt: string): string {
  return `encryptionsalt: ${salt}\n${withoutSalt(settings)}`;
}

/** The salt that the CLI wrote into a settings file. */
export function saltOf(settings: string): string | undefined {
  return /^encryptionsalt:\s*(\S+)/m.exec(settings)?.[1];
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

/** The settings file of a lab stack that the CLI uses. */
export function effectiveFile(stack: string): string {
  return join(stackDirectory, `Pulumi.${stack}.yaml`);
}

function committedFile(stack: string): string {
  return join(root, `Pulumi.${stack}.yaml`);
}

/** Brings the effective settings of a lab stack up to date with the committed ones. @returns what they are now. */
export function writeEffectiveFile(stack: string, salt: string): string {
  const settings = withSalt(read(committedFile(stack)), salt);
  mkdirSync(stackDirectory, { recursive: true });
  if (read(effectiveFile(stack)) !== settings) writeFileSync(effectiveFile(stack), settings);
  return settings;
}

/**
 * Carries what a command changed in the effective settings (`pulumi config set`, `up --config`) over to the committed
 * file.
 * @param before What writeEffectiveFile returned before the command.
 */
export function keepChanges(stack: string, before: string): void {
  const after = read(effectiveFile(stack));
  if (withoutSalt(after) === withoutSalt(before)) return;
  // Somebody edited the committed file meanwhile: their text wins over a copy of the older one.
  if (read(committedFile(stack)) !== withoutSalt(before)) return;
  writeFileSync(committedFile(stack), withoutSalt(after));
}

function option(args: readonly string[], long: string, short: string): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (arg === "--") return undefined;
    if (arg === long || arg === short) return args[index + 1];
    if (arg.startsWith(`${long}=`)) return arg.slice(long.length + 1);
    if (arg.startsWith(short) && !arg.startsWith("--")) return arg.slice(short.length).replace(/^=/, "");
  }
  return undefined;
}

/** Folder of the Pulumi.yaml that a command of the CLI is about, or undefined when there is none. */
export function projectDirectory(args: readonly string[], cwd: string): string | undefined {
  let directory = resolve(cwd, option(args, "--cwd", "-C") ?? ".");
  while (!existsSync(join(directory, "Pulumi.yaml"))) {
    if (dirname(directory) === directory) return undefined;
    directory = dirname(directory);
  }
  return directory;
}

/** What `pulumi stack select` chose for this checkout. The CLI keeps it in its home, by a hash of the project's path. */
function selectedStack(): string | undefined {
  const home = process.env["PULUMI_HOME"] || join(homedir(), ".pulumi");
  const hash = createHash("sha1").update(join(root, "Pulumi.yaml")).digest("hex");
  const text = read(join(home, "workspaces", `crossborder-${hash}-workspace.json`));
  return text ? (JSON.parse(text) as { stack?: string }).stack : undefined;
}

/** The stack, without organization and project, that a command of the CLI in this checkout is about. */
export function stackOf(args: readonly string[]): string {
  const named = option(args, "--stack", "-s") ?? process.env["PULUMI_STACK"] ?? selectedStack() ?? "lab";
  return named.split("/").at(-1)!;
}
