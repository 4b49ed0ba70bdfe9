import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Properties } from "../../plugins/support/values";

/** The variable that names the directory in which whoever runs the stand-ins sees what they made; without it nobody does. */
export const MADE_DIRECTORY = "CROSSBORDER_STAND_INS_MADE";

/** In it: the public addresses to give, by the name of the resource that has one. Where it is missing, they are made up. */
export const ADDRESSES_FILE = "addresses.json";

/** A resource that a stand-in made, as its file has it. */
export interface MadeResource {
  readonly type: string;
  readonly id: string;
  /** Without marks of secrecy: the file is its owner's alone. */
  readonly inputs: Properties;
}

const SUFFIX = ".made.json";

/** The file of a resource. @param name Its name in the program. */
function madeFile(directory: string, name: string): string {
  return join(directory, name + SUFFIX);
}

/** The address that a resource is to have. @returns undefined where nobody said. */
export function givenAddress(name: string): string | undefined {
  const directory = process.env[MADE_DIRECTORY];
  if (directory === undefined) return undefined;
  const addresses = JSON.parse(readFileSync(join(directory, ADDRESSES_FILE), "utf8")) as Properties;
  return addresses[name] as string | undefined;
}

/** Shows a resource as it is now. */
export function show(name: string, resource: MadeResource): void {
  const directory = process.env[MADE_DIRECTORY];
  if (directory === undefined) return;
  const file = madeFile(directory, name);
  // Whoever waits for it reads a whole one.
  writeFileSync(`${file}.new`, JSON.stringify(resource), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** A resource is gone. */
export function forget(name: string): void {
  const directory = process.env[MADE_DIRECTORY];
  if (directory !== undefined) rmSync(madeFile(directory, name), { force: true });
}

/** Names of all that stand-ins made and didn't delete. */
export function madeNames(directory: string): string[] {
  return readdirSync(directory).flatMap((file) =>
    file.endsWith(SUFFIX) ? [file.slice(0, -SUFFIX.length)] : [],
  );
}

/** What a stand-in made and didn't delete. @returns undefined where there is no such resource. */
export function madeIn(directory: string, name: string): MadeResource | undefined {
  const file = madeFile(directory, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as MadeResource) : undefined;
}
