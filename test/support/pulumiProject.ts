import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { labDirectory } from "../../toolchain/paths";
import { runPulumi, type PulumiResult } from "../../toolchain/pulumi";

/** A Pulumi project of one test, with a program, a stack and a state of its own, run by the real CLI. */
export interface PulumiProject {
  readonly directory: string;
  /**
   * Deploys a program.
   * @param program JavaScript; `pulumi`, `command`, `random` and `inputs` are in its scope.
   * @param inputs Becomes `inputs`. Travels in a file, so that it is neither in the program nor on a command line.
   */
  up(program: string, inputs?: unknown): Promise<PulumiResult>;
  /** What a deployment of the program would do. */
  preview(program: string, inputs?: unknown): Promise<PulumiResult>;
  destroy(): Promise<PulumiResult>;
  /** The stack's outputs, secrets in plain. */
  outputs(): Promise<Record<string, unknown>>;
  /** The stack's state as it is stored, secrets encrypted. */
  state(): Promise<string>;
  remove(): void;
}

const prelude = `
const pulumi = require("@pulumi/pulumi");
const command = require("@pulumi/command");
const random = require("@pulumi/random");
const inputs = require("./inputs.json");
`;

/**
 * Makes a project inside the checkout, where its program finds the node modules.
 * @param environment Added to the CLI's.
 */
export async function createProject(environment: NodeJS.ProcessEnv = {}): Promise<PulumiProject> {
  const parent = join(labDirectory, "tmp");
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, "project-"));
  const state = join(directory, "state");
  mkdirSync(state);
  writeFileSync(
    join(directory, "Pulumi.yaml"),
    "name: test\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
  const run = (...args: string[]): Promise<PulumiResult> =>
    runPulumi(args, {
      cwd: directory,
      quiet: true,
      env: {
        PULUMI_STACK: "test",
        PULUMI_BACKEND_URL: `file://${state}`,
        PULUMI_CONFIG_PASSPHRASE: "of a test",
        ...environment,
      },
    });
  const succeed = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(...args);
    if (status !== 0) throw new Error(`pulumi ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const write = (program: string, inputs: unknown): void => {
    writeFileSync(join(directory, "index.js"), prelude + program);
    writeFileSync(join(directory, "inputs.json"), JSON.stringify(inputs ?? {}), { mode: 0o600 });
  };
  await succeed("stack", "init", "test");
  return {
    directory,
    up: (program, inputs) => {
      write(program, inputs);
      return run("up", "--yes", "--skip-preview");
    },
    preview: (program, inputs) => {
      write(program, inputs);
      return run("preview", "--json");
    },
    destroy: () => run("destroy", "--yes", "--skip-preview"),
    outputs: async () =>
      JSON.parse(await succeed("stack", "output", "--json", "--show-secrets")) as Record<string, unknown>,
    state: () => succeed("stack", "export"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
