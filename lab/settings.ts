import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { labDirectory, root } from "../toolchain/paths";
import { runPulumi } from "../toolchain/pulumi";

/** Settings that differ from Pulumi.lab.yaml, by path: `{"link.mtu": 1300}`; undefined takes one away. */
export type Overrides = Readonly<Record<string, unknown>>;

/** The link and its backup path alone, without what the lab's settings put on top of them. */
export const linkAlone: Overrides = { ha: undefined, postgres: undefined, "services.postgres": undefined };

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  /** Everything that the command printed. */
  readonly output: string;
}

/** The lab's settings with some changed, in a file that the committed one never sees. */
function writeSettings(purpose: string, overrides: Overrides): string {
  const document = parseDocument(readFileSync(join(root, "Pulumi.lab.yaml"), "utf8"));
  for (const [path, value] of Object.entries(overrides)) {
    const [key = "", ...rest] = path.split(".");
    const keys = rest.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    const place = ["config", `crossborder:${key}`, ...keys];
    if (value === undefined) document.deleteIn(place);
    // A node, so that a later path can lead into it.
    else document.setIn(place, document.createNode(value));
  }
  mkdirSync(labDirectory, { recursive: true });
  const file = join(labDirectory, `${purpose}-settings.yaml`);
  writeFileSync(file, document.toString());
  return file;
}

/**
 * Runs the real CLI on the stack `lab`; operations use the lab's settings, with some changed.
 * @param purpose Names the settings file, so that different users of this don't write into each other's.
 */
export async function pulumiWith(
  purpose: string,
  args: readonly string[],
  overrides: Overrides = {},
): Promise<Outcome> {
  const settings = args[0] === "stack" ? [] : ["--config-file", writeSettings(purpose, overrides)];
  const { status, stdout, stderr } = await runPulumi([...args, "--stack", "lab", ...settings], {
    quiet: true,
  });
  return { status, stdout, output: stdout + stderr };
}
