import { z } from "zod";
import type { PulumiResult } from "../toolchain/pulumi";

/** The CLI, on one stack. */
export interface StackCli {
  /** Runs a command that takes the stack's settings. A failing one is a result. */
  run(...args: string[]): Promise<PulumiResult>;
  /** What `pulumi stack export` says. */
  state(): Promise<string>;
}

const SETTING = "crossborder:protect";

const state = z.object({
  deployment: z.object({
    resources: z
      .array(z.object({ urn: z.string(), id: z.string().default(""), protect: z.boolean().default(false) }))
      .default([]),
  }),
});

/** A host's machine in its cloud, and its disk where that is a resource of its own, as far as the state has them. */
async function partsOf(host: string, cli: StackCli): Promise<{ urn: string; protect: boolean }[]> {
  const names = [`${host}-instance`, `${host}-disk`];
  const { resources } = state.parse(JSON.parse(await cli.state())).deployment;
  return resources.filter(({ urn, id }) => id !== "" && names.includes(urn.split("::").at(-1)!));
}

async function succeed(cli: StackCli, ...args: string[]): Promise<void> {
  const { status, stderr } = await cli.run(...args);
  if (status !== 0) throw new Error(`pulumi ${args[0]} failed, and nothing was replaced: ${stderr.trim()}`);
}

const targets = (parts: readonly { urn: string }[]): string[] =>
  parts.flatMap(({ urn }) => ["--target", urn]);

/**
 * Takes the protection off a host's machine and disk, the engine's and their cloud's, and off nothing else. The next whole deployment
 * protects whatever stands then. What the cloud no longer has leaves the state.
 * @param host A host that a cloud made.
 * @throws Error when the cloud can't be asked or refuses
 */
export async function release(host: string, cli: StackCli): Promise<void> {
  const known = await partsOf(host, cli);
  if (known.length === 0) return;
  // What is gone can't be changed, as taking its protection off would.
  await succeed(cli, "refresh", "--yes", "--skip-preview", ...targets(known));
  const locked = (await partsOf(host, cli)).filter(({ protect }) => protect);
  if (locked.length === 0) return;
  await succeed(cli, "config", "set", SETTING, "false");
  try {
    await succeed(cli, "up", "--yes", "--skip-preview", ...targets(locked));
  } finally {
    await succeed(cli, "config", "set", SETTING, "true");
  }
}
