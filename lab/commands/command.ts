import { labPaths, type LabPaths } from "../paths";
import { labExists } from "../state";

/** A command of `npm run lab`. */
export interface LabCommand {
  /** One line for the list of commands. */
  readonly summary: string;
  /** All of `--help`, ending with a newline. */
  readonly help: string;
  /** @returns the exit status. */
  run(args: string[]): Promise<number>;
}

/** Wrong words on the command line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** There is nothing to work on. Exit status 2. */
export class NoLab extends Error {
  override readonly name = "NoLab";
}

/** The paths of the lab that exists. @throws NoLab */
export function existingLab(): LabPaths {
  const paths = labPaths();
  if (!labExists(paths)) throw new NoLab("there is no lab here: run `npm run lab -- up`");
  return paths;
}

/** Reads a number of an option. @throws UsageError outside of the range. */
export function numberOption(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < min || value > max) {
    throw new UsageError(`--${name} ${text}: a number from ${min} to ${max} is wanted`);
  }
  return value;
}

/** Reads a whole number of an option. @throws UsageError for another, or outside of the range. */
export function wholeNumberOption(
  name: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  const value = numberOption(name, text, min, max);
  if (value !== undefined && !Number.isInteger(value)) {
    throw new UsageError(`--${name} ${text}: a whole number is wanted`);
  }
  return value;
}
