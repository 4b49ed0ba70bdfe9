import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parse, stringify } from "yaml";
import { createBootstrapKey } from "../../providers/identity/keys";
import { root } from "../paths";
import { ensureToolchain, pulumiEnvironment, type PulumiResult } from "../pulumi";
import { standInShims } from "../shims";
import { MissingPrerequisite } from "../system";

/**
 * The settings of a stack file without its secrets, which only its own key can read, and without that key's own lines.
 * @param text A `Pulumi.<stack>.yaml`.
 */
export function withoutSecrets(text: string): string {
  const { config = {} } = (parse(text) ?? {}) as { config?: Readonly<Record<string, unknown>> };
  const isSecret = (value: unknown): boolean =>
    typeof value === "object" && value !== null && Object.keys(value).join() === "secure";
  return stringify({
    config: Object.fromEntries(Object.entries(config).filter(([, value]) => !isSecret(value))),
  });
}

/**
 * The name of the stack that a file is about, by the file's name.
 * @throws MissingPrerequisite where that isn't `Pulumi.<stack>.yaml`.
 */
export function stackOfFile(file: string): string {
  const stack = /^Pulumi\.([^.]+)\.yaml$/.exec(basename(file))?.[1];
  if (stack === undefined)
    throw new MissingPrerequisite(`${file}: a stack's file is named Pulumi.<stack>.yaml`);
  return stack;
}

/** A stack of this project with a state, a passphrase and a login of its own, whose clouds are stand-ins. */
export interface TemporaryStack {
  /** Private key of the login that machines are made with. */
  readonly privateKey: string;
  /** In which commands of this checkout are about this stack. Has the passphrase in it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs the CLI on the stack. A failing command is a result, not an error. */
  pulumi(...args: string[]): Promise<PulumiResult>;
  remove(): void;
}

/** Credentials that are nobody's: the program refuses to start without any. */
const CREDENTIALS = {
  GOOGLE_OAUTH_ACCESS_TOKEN: "made-up",
  TENCENTCLOUD_SECRET_ID: "made-up",
  TENCENTCLOUD_SECRET_KEY: "made-up",
};

function run(
  path: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; stdin?: string },
): Promise<PulumiResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, ["--non-interactive", ...args], { cwd: options.cwd, env: options.env });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? 255, stdout, stderr }));
    child.stdin.end(options.stdin ?? "");
  });
}

/**
 * Makes a stack with the settings of a file. Nothing that it does leaves this machine.
 * @param file A `Pulumi.<stack>.yaml`. Its secrets are left out, and a login's key is made up.
 * @param variables Added to the environment.
 */
export async function createTemporaryStack(
  file: string,
  variables: NodeJS.ProcessEnv = {},
): Promise<TemporaryStack> {
  const stack = stackOfFile(file);
  const settings = withoutSecrets(readFileSync(file, "utf8"));
  // Pulumi's own plugins could be downloaded; these are here, and do for this.
  process.env["CROSSBORDER_PLUGINS"] = "builtin";
  const { cli } = await ensureToolchain();
  const directory = mkdtempSync(join(tmpdir(), "crossborder-stack-"));
  const state = join(directory, "state");
  const config = join(directory, `Pulumi.${stack}.yaml`);
  mkdirSync(state);
  writeFileSync(join(directory, "Pulumi.yaml"), "name: crossborder\nruntime: nodejs\n");
  writeFileSync(config, settings);
  const inherited = await pulumiEnvironment();
  const env: NodeJS.ProcessEnv = {
    ...inherited,
    ...CREDENTIALS,
    PATH: `${standInShims()}:${inherited["PATH"]}`,
    PULUMI_BACKEND_URL: `file://${state}`,
    // The passphrase comes before a file of one.
    PULUMI_CONFIG_PASSPHRASE: randomBytes(32).toString("base64url"),
    PULUMI_STACK: stack,
    PULUMI_IGNORE_AMBIENT_PLUGINS: "false",
    ...variables,
  };
  const prepare = async (args: readonly string[], stdin?: string): Promise<void> => {
    const { status, stdout, stderr } = await run(cli.path, args, { cwd: directory, env, stdin });
    if (status !== 0) throw new Error(`pulumi ${args.join(" ")}: ${stderr || stdout}`);
  };
  const { privateKey } = createBootstrapKey();
  try {
    await prepare(["stack", "init", stack]);
    await prepare(["config", "set", "--secret", "crossborder:sshPrivateKey"], privateKey);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const environment = { ...env, PULUMI_OPTION_CONFIG_FILE: config };
  return {
    privateKey,
    environment,
    pulumi: (...args) => run(cli.path, args, { cwd: root, env: environment }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
