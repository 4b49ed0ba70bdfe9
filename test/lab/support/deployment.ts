import type { Parts } from "../../../lab/healthy";
import { linkAlone, type Outcome, type Overrides, pulumiWith } from "../../../lab/settings";

/** What all deployments of a test file have. */
let common: Overrides = {};

/** Says what a test file's deployments have; `deployedLab` does. */
export function deploymentsHave(parts: Parts): void {
  common = parts === "link" ? linkAlone : {};
}

/** Runs the real CLI on the stack `lab`; operations use the lab's settings, with some changed. */
export function pulumi(args: readonly string[], overrides: Overrides = {}): Promise<Outcome> {
  return pulumiWith("test", args, { ...common, ...overrides });
}

/** `pulumi up` without a preview. */
export function up(overrides: Overrides = {}): Promise<Outcome> {
  return pulumi(["up", "--yes", "--skip-preview", "--diff"], overrides);
}

/** `pulumi up` that has to succeed. @throws Error with what Pulumi printed. */
export async function deploy(overrides: Overrides = {}): Promise<string> {
  const { status, output } = await up(overrides);
  if (status !== 0) throw new Error(`pulumi up ended with status ${status}:\n${output}`);
  return output;
}
