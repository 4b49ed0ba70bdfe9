import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { labDirectory, root } from "./paths";

/**
 * Small programs that the Pulumi engine finds on PATH by their names. They live in the checkout's .lab, each group in a
 * folder of its own, so that a group can be left off PATH.
 */
const shimDirectory = join(labDirectory, "bin");

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function write(group: string, name: string, command: readonly string[]): void {
  const path = join(shimDirectory, group, name);
  const text = `#!/bin/sh\nexec ${command.map(quote).join(" ")} "$@"\n`;
  let present: string | undefined;
  try {
    present = readFileSync(path, "utf8");
  } catch {
    present = undefined;
  }
  if (present === text) return;
  mkdirSync(dirname(path), { recursive: true });
  // The old file may be running as a script just now, so it is replaced rather than written over.
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o755 });
}

function typescript(entry: string): string[] {
  const loader = pathToFileURL(join(root, "node_modules", "tsx", "dist", "loader.mjs")).href;
  return [process.execPath, "--import", loader, join(root, entry)];
}

/** `pulumi` itself, which passes through the project's own command. @returns the folder for PATH. */
export function commandShims(): string {
  write("cli", "pulumi", [process.execPath, join(root, "toolchain", "run.mjs"), "pulumi"]);
  return join(shimDirectory, "cli");
}

/** The language host for Node and the host of dynamic providers. @returns the folder for PATH. */
export function languageShims(): string {
  write("language", "pulumi-language-nodejs", typescript("toolchain/language-host/main.ts"));
  const dynamic = require.resolve("@pulumi/pulumi/cmd/dynamic-provider");
  write("language", "pulumi-resource-pulumi-nodejs", [process.execPath, dynamic]);
  return join(shimDirectory, "language");
}

/** The project's own `command` and `random` providers. @returns the folder for PATH. */
export function pluginShims(): string {
  write("plugins", "pulumi-resource-command", typescript("plugins/command/main.ts"));
  write("plugins", "pulumi-resource-random", typescript("plugins/random/main.ts"));
  return join(shimDirectory, "plugins");
}

/**
 * Stand-ins for the clouds' providers, which make nothing. Never a part of the environment that deployments get: they would
 * report success for resources that nobody has. @returns the folder for PATH.
 */
export function standInShims(): string {
  write("stand-ins", "pulumi-resource-gcp", typescript("toolchain/standIns/gcp.main.ts"));
  // The engine looks for the base provider of Tencent's package, and tells it which package to be.
  write(
    "stand-ins",
    "pulumi-resource-terraform-provider",
    typescript("toolchain/standIns/terraformProvider.main.ts"),
  );
  return join(shimDirectory, "stand-ins");
}
