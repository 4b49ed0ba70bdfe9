import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { labDirectory, root } from "../../../toolchain/paths";
import { runPulumi } from "../../../toolchain/pulumi";

/** Settings that differ from Pulumi.lab.yaml, by path: `{"link.mtu": 1300}`. */
export type Overrides = Readonly<Record<string, unknown>>;

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  /** Everything that the command printed. */
  readonly output: string;
}

const testSettings = join(labDirectory, "test-settings.yaml");

/** The lab's settings with some changed, in a file that the committed one never sees. */
function writeSettings(overrides: Overrides): string {
  const document = parseDocument(readFileSync(join(root, "Pulumi.lab.yaml"), "utf8"));
  for (const [path, value] of Object.entries(overrides)) {
    const [key = "", ...rest] = path.split(".");
    const keys = rest.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    document.setIn(["config", `crossborder:${key}`, ...keys], value);
  }
  mkdirSync(labDirectory, { recursive: true });
  writeFileSync(testSettings, document.toString());
  return testSettings;
}

/** Runs the real CLI on the stack `lab`, with the lab's settings or others. */
export async function pulumi(args: readonly string[], overrides: Overrides = {}): Promise<Outcome> {
  const file = writeSettings(overrides);
  const command = [...args, "--stack", "lab", "--non-interactive", "--config-file", file];
  const { status, stdout, stderr } = await runPulumi(command, { quiet: true });
  return { status, stdout, output: stdout + stderr };
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
