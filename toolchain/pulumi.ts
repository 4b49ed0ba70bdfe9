import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { withLock } from "./lock";
import { labDirectory, root } from "./paths";
import { choosePlugins, pluginVersions, type PluginChoice } from "./plugins";
import { cliVersion, ensurePulumiCli, type PulumiCli } from "./pulumiCli";
import { commandShims, languageShims, pluginShims } from "./shims";
import {
  effectiveFile,
  isLabStack,
  keepChanges,
  projectDirectory,
  saltOf,
  stackDirectory,
  stackOf,
  writeEffectiveFile,
} from "./stack";
import { MissingPrerequisite } from "./system";

const stateDirectory = join(labDirectory, "pulumi-state");
const passphraseFile = join(labDirectory, "passphrase");
const noAcquisition = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION";
const labBackend = `file://${stateDirectory}`;

/** The Pulumi that this checkout uses. */
export interface Toolchain {
  readonly cli: PulumiCli;
  readonly plugins: PluginChoice;
}

let toolchain: Promise<Toolchain> | undefined;

/** Finds or installs the CLI and the plugins, once in a process. */
export function ensureToolchain(): Promise<Toolchain> {
  toolchain ??= ensurePulumiCli().then(async (cli) => ({ cli, plugins: await choosePlugins(cli) }));
  return toolchain;
}

/** One line that says which CLI and which plugins are in use. */
export async function describeToolchain(): Promise<string> {
  const { cli, plugins } = await ensureToolchain();
  const origin = { path: "from PATH", release: "Pulumi's release", source: "compiled from source" }[
    cli.source
  ];
  const whose =
    plugins === "official"
      ? `official (${pluginVersions()})`
      : `this project's own, in place of ${pluginVersions()}`;
  return `Pulumi ${cliVersion(cli)}, ${origin}; plugins: ${whose}`;
}

function ensurePassphrase(): void {
  if (existsSync(passphraseFile)) return;
  mkdirSync(labDirectory, { recursive: true });
  try {
    writeFileSync(passphraseFile, randomBytes(32).toString("base64url"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    // Another command of this checkout was first.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/**
 * The environment in which any Pulumi command of this checkout works: PATH with the CLI, the language host and the
 * plugins, the lab's state and passphrase, no update check, no question. What the user has set (PULUMI_BACKEND_URL,
 * PULUMI_CONFIG_PASSPHRASE, …) is kept. Installs what is missing.
 */
export async function pulumiEnvironment(): Promise<NodeJS.ProcessEnv> {
  const { cli, plugins } = await ensureToolchain();
  ensurePassphrase();
  mkdirSync(stateDirectory, { recursive: true });
  const folders = [
    commandShims(),
    ...(plugins === "builtin" ? [pluginShims()] : []),
    ...(cli.hasLanguageHost ? [] : [languageShims()]),
    dirname(cli.path),
  ];
  const inherited = (process.env["PATH"] ?? "").split(":").filter((folder) => !folders.includes(folder));
  const hasPassphrase =
    process.env["PULUMI_CONFIG_PASSPHRASE"] !== undefined || process.env["PULUMI_CONFIG_PASSPHRASE_FILE"];
  return {
    ...process.env,
    PATH: [...folders, ...inherited].join(":"),
    PULUMI_BACKEND_URL: process.env["PULUMI_BACKEND_URL"] || labBackend,
    ...(!hasPassphrase && { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile }),
    PULUMI_SKIP_UPDATE_CHECK: "1",
    // A settings file made for one command may lack the salt; the state has it.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "1",
    PULUMI_NODEJS_TRANSPILE_ONLY: process.env["PULUMI_NODEJS_TRANSPILE_ONLY"] ?? "true",
    // What the lab uses is installed by now. The clouds' plugins are large, and only a stack of the operator's uses them.
    [noAcquisition]: process.env[noAcquisition] ?? "1",
  };
}

function isLoggedIn(): boolean {
  if (process.env["PULUMI_ACCESS_TOKEN"]) return true;
  const file = join(process.env["PULUMI_HOME"] || join(homedir(), ".pulumi"), "credentials.json");
  if (!existsSync(file)) return false;
  return Boolean((JSON.parse(readFileSync(file, "utf8")) as { current?: string }).current);
}

/**
 * For a stack of the operator's. The lab's state and passphrase are no place for it: `lab reset` deletes them. And it gets
 * the clouds' plugins, from where the others came.
 */
function operatorsEnvironment(
  env: NodeJS.ProcessEnv,
  stack: string,
  plugins: PluginChoice,
): NodeJS.ProcessEnv {
  const own = { ...env };
  if (plugins === "official" && process.env[noAcquisition] === undefined) own[noAcquisition] = "false";
  if (own["PULUMI_BACKEND_URL"] === labBackend) delete own["PULUMI_BACKEND_URL"];
  if (own["PULUMI_CONFIG_PASSPHRASE_FILE"] === passphraseFile) delete own["PULUMI_CONFIG_PASSPHRASE_FILE"];
  if (!own["PULUMI_BACKEND_URL"] && !isLoggedIn()) {
    throw new MissingPrerequisite(
      `the stack ${stack} needs a place for its state that outlives the lab: set PULUMI_BACKEND_URL ` +
        `(an object store, a directory) or run: pulumi login`,
    );
  }
  return own;
}

function projectName(): string {
  return /^name:\s*(\S+)/m.exec(readFileSync(join(root, "Pulumi.yaml"), "utf8"))![1]!;
}

function initStack(stack: string, cli: PulumiCli, env: NodeJS.ProcessEnv): void {
  const init = spawnSync(cli.path, ["stack", "init", stack, "--no-select", "--non-interactive"], {
    cwd: stackDirectory,
    env,
    encoding: "utf8",
  });
  if (init.status !== 0 && !init.stderr.includes("already exists")) {
    throw new Error(`the stack ${stack} cannot be made: ${init.stderr.trim()}`);
  }
}

/** This checkout's salt, made by the CLI itself for a stack that nothing uses. */
function ensureSalt(cli: PulumiCli, env: NodeJS.ProcessEnv): string {
  const file = join(stackDirectory, "Pulumi.salt.yaml");
  const found = existsSync(file) ? saltOf(readFileSync(file, "utf8")) : undefined;
  if (found) return found;
  const scratch = join(stackDirectory, "salt");
  mkdirSync(scratch, { recursive: true });
  writeFileSync(join(stackDirectory, "Pulumi.yaml"), `name: ${projectName()}\nruntime: nodejs\n`);
  initStack("salt", cli, { ...env, PULUMI_BACKEND_URL: `file://${scratch}` });
  const salt = saltOf(readFileSync(file, "utf8"));
  if (!salt) throw new Error(`Pulumi left no salt in ${file}`);
  return salt;
}

/**
 * Makes a stack of the lab when it is missing, and its effective settings file.
 * @returns the salt of this checkout's passphrase.
 */
export async function ensureStack(stack = "lab"): Promise<string> {
  const env = await pulumiEnvironment();
  const { cli } = await ensureToolchain();
  return withLock(
    join(labDirectory, "stack.lock"),
    () => undefined,
    async () => {
      const salt = ensureSalt(cli, env);
      writeEffectiveFile(stack, salt);
      const state = join(stateDirectory, ".pulumi", "stacks", projectName(), `${stack}.json`);
      if (env["PULUMI_BACKEND_URL"] !== labBackend || !existsSync(state)) initStack(stack, cli, env);
      return salt;
    },
  );
}

/** A command of the CLI, ready to run. */
export interface PreparedCommand {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
  /** To be called when it has ended. */
  finish(): void;
}

/** Commands that may change the settings file. */
function changesSettings(args: readonly string[]): boolean {
  return args.some((arg) => arg === "config" || /^(-c|--config)(=|$)/.test(arg));
}

/** Commands that make, or do not need, the stack. */
function needsStack(args: readonly string[]): boolean {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const independent = [
    "version",
    "help",
    "about",
    "login",
    "logout",
    "whoami",
    "plugin",
    "package",
    "install",
    "new",
    "env",
    "org",
  ];
  if (args.some((arg) => ["--help", "-h", "--version"].includes(arg))) return false;
  return (
    words[0] !== undefined &&
    !independent.includes(words[0]) &&
    !(words[0] === "stack" && words[1] === "init")
  );
}

/**
 * Works out what a command of the CLI needs in its environment: which stack it is about, where that stack's state is,
 * and which settings file it is to read.
 * @param cwd Where it will run.
 */
export async function prepare(args: readonly string[], cwd: string): Promise<PreparedCommand> {
  const env = await pulumiEnvironment();
  const { cli, plugins } = await ensureToolchain();
  const asIs = { path: cli.path, env, finish: () => undefined };
  if (projectDirectory(args, cwd) !== root || !needsStack(args)) return asIs;
  const stack = stackOf(args);
  if (!isLabStack(stack)) return { ...asIs, env: operatorsEnvironment(env, stack, plugins) };
  const salt = await ensureStack(stack);
  const before = writeEffectiveFile(stack, salt);
  return {
    path: cli.path,
    env: { ...env, PULUMI_STACK: stack, PULUMI_OPTION_CONFIG_FILE: effectiveFile(stack) },
    finish: () => {
      if (changesSettings(args)) keepChanges(stack, before);
    },
  };
}

/** What a command of the CLI left behind. */
export interface PulumiResult {
  /** Exit status; 255 when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the Pulumi CLI without asking anything. A failing command is a result, not an error.
 * @param options.env Added to the environment.
 * @param options.quiet Do not show the output (on stderr) as it comes. @default false
 * @param options.cwd Where to run it. @default the checkout
 */
export async function runPulumi(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; quiet?: boolean; cwd?: string } = {},
): Promise<PulumiResult> {
  const cwd = options.cwd ?? root;
  const prepared = await prepare(args, cwd);
  const child = spawn(prepared.path, ["--non-interactive", ...args], {
    cwd,
    env: { ...prepared.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  for (const [source, chunks] of [
    [child.stdout, out],
    [child.stderr, err],
  ] as const) {
    source.on("data", (data: Buffer) => {
      chunks.push(data);
      if (!options.quiet) process.stderr.write(data);
    });
  }
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve(code ?? 255));
    });
    return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
  } finally {
    prepared.finish();
  }
}
