import * as pulumi from "@pulumi/pulumi";
import type { StackOutputs } from "../../../outputs/contract";
import { recordRegistrations, type Registered, valueOf } from "./recorder";

export type ProgramOutputs = Readonly<Record<keyof StackOutputs, pulumi.Output<unknown>>>;

/**
 * Runs the whole program once in this test file.
 * @param answer What the providers answer, by type and name.
 * @param preview Whether it is a preview: then the outputs needn't be known.
 */
export async function runProgram(
  settings: Readonly<Record<string, unknown>>,
  answer: (type: string, name: string) => Record<string, unknown>,
  preview = false,
): Promise<{ all: readonly Registered[]; outputs: ProgramOutputs }> {
  const registrations = await recordRegistrations(answer, preview);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [
        `crossborder:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
  );
  const outputs: ProgramOutputs = await import("../../../index");
  if (!preview) await Promise.all(Object.values(outputs).map(valueOf));
  return { all: await registrations(), outputs };
}
