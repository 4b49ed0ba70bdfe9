// Starts every command of the project. Plain JavaScript without dependencies, because it runs before there are any:
// it makes sure that the node modules are those of package-lock.json, and then hands over to the command's TypeScript.
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const commands = {
  lab: [
    "lab/cli.ts",
    "two sites and an ocean in virtual machines: up, status, ssh, logs, ocean, down, reset",
  ],
  test: ["toolchain/test.ts", "all tests, or only the tiers named: static unit plugins engine lab"],
  doctor: ["toolchain/doctor.ts", "what this machine has, what it lacks, and what to do about it"],
  pulumi: [
    "toolchain/pulumi.cli.ts",
    "the Pulumi CLI with the project's environment; `shell` opens a shell with it",
  ],
  "prod:preview": [
    "toolchain/plan/cli.ts",
    "what `pulumi up -s prod` would make, without an account or a network",
  ],
  verify: ["verify/cli.ts", "host files and states that drifted from what was deployed"],
  rotate: [
    "rotate/cli.ts",
    "replaces the link's pre-shared key, or the hosts' certificates, while they are used",
  ],
  replace: ["replace/cli.ts", "brings an empty machine into the place of a host that is lost, and proves it"],
  drill: ["drills/cli.ts", "breaks one thing on purpose, and judges what clients saw of it"],
  ha: ["ha/cli.ts", "the service address by hand: status, switchover, hold, force, release"],
  resync: ["resync/cli.ts", "brings back a database whose replication was lost; `repair` makes rows equal"],
  backup: ["components/postgres/backup/cli.ts", "base backups of the databases: create, list, restore"],
  policy: ["policies/cli.ts", "previews a stack, and names what violates the policies"],
  bench: ["bench/cli.ts", "measures, and prints the figures that the README quotes"],
  "settings:docs": ["settings/docs.ts", "writes the settings' reference and JSON schema"],
  "sdk:regenerate": ["toolchain/sdk/cli.ts", "writes the package of Tencent's provider anew"],
};

/** Node's own minimum, for `--import` and the test tools. */
const oldestNode = [20, 19];

function say(line) {
  process.stderr.write(`${line}\n`);
}

function usage() {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  say("usage: node toolchain/run.mjs <command> [arguments]\n\ncommands:");
  for (const [name, [, purpose]] of Object.entries(commands)) say(`  ${name.padEnd(width)}  ${purpose}`);
}

function packages(file) {
  try {
    const found = JSON.parse(readFileSync(file, "utf8")).packages;
    delete found[""]; // the project itself
    return found;
  } catch {
    return undefined;
  }
}

/**
 * Whether node_modules holds what the lock file says. npm records what it installed in node_modules/.package-lock.json;
 * optional packages for other platforms are rightly missing there.
 */
function modulesMatch() {
  const wanted = packages(join(root, "package-lock.json"));
  const installed = packages(join(root, "node_modules", ".package-lock.json"));
  if (!wanted || !installed) return false;
  const same = (path) => wanted[path]?.version === installed[path]?.version;
  return (
    Object.keys(installed).every(same) &&
    Object.keys(wanted).every((path) => same(path) || (!(path in installed) && wanted[path].optional))
  );
}

/** The generated package of package.json that is a part of this checkout. npm links it, and its own script compiles it. */
const localPackage = join(root, "sdks", "tencentcloud");

/** Whether what the local package's script compiled last is newer than all that it was compiled of. */
function localPackageIsCompiled() {
  // The last file that the script writes.
  const compiled = statSync(join(localPackage, "bin", "package.json"), { throwIfNoEntry: false });
  if (!compiled) return false;
  const sources = readdirSync(localPackage, { recursive: true }).filter(
    (path) => /(\.ts|\.json|\.js)$/.test(path) && !/^(bin|node_modules)\//.test(path),
  );
  return sources.every((path) => statSync(join(localPackage, path)).mtimeMs <= compiled.mtimeMs);
}

/** Two commands started at once in a new clone: one installs, the other waits for it. */
async function withInstallLock(work) {
  const lock = join(root, ".lab", "npm-ci.lock");
  const staleAfterMs = 15 * 60_000;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (age > staleAfterMs) rmdirSync(lock);
      else await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  const release = () => existsSync(lock) && rmdirSync(lock);
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

/** Runs a command of npm as a step of its own, with its log. */
async function npmStep(title, logName, args, cwd) {
  const logs = join(root, ".lab", "logs");
  mkdirSync(logs, { recursive: true });
  const log = join(logs, logName);
  const started = Date.now();
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)}s`;
  say(`${title}: npm ${args[0]}, log in ${log}`);
  const beat = setInterval(() => say(`${title}: still working (${elapsed()})`), 15_000);
  const file = openSync(log, "w");
  const npm = spawn("npm", args, { cwd, stdio: ["ignore", file, file] });
  const status = await new Promise((resolve) => {
    npm.on("error", (error) => {
      say(`${title}: npm cannot be started: ${error.message}`);
      resolve(127);
    });
    npm.on("close", (code) => resolve(code ?? 1));
  });
  clearInterval(beat);
  closeSync(file);
  if (status !== 0) {
    say(readFileSync(log, "utf8").trimEnd().split("\n").slice(-15).join("\n"));
    say(`${title}: failed after ${elapsed()}; the whole log is ${log}`);
    process.exit(1);
  }
  say(`${title}: done (${elapsed()})`);
}

async function installModules() {
  if (modulesMatch() && localPackageIsCompiled()) return;
  mkdirSync(join(root, ".lab"), { recursive: true });
  await withInstallLock(async () => {
    if (!modulesMatch()) {
      // `npm run --silent` would silence this npm too, and leave its log empty.
      const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=notice"];
      await npmStep("node modules", "npm-ci.log", args, root);
    }
    // Scripts of packages from elsewhere don't run; this one is the project's own.
    if (!localPackageIsCompiled()) {
      await npmStep("package tencentcloud", "sdk-compile.log", ["run", "postinstall"], localPackage);
    }
  });
}

function runEntry(entry, args) {
  const tsx = pathToFileURL(join(root, "node_modules", "tsx", "dist", "loader.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, join(root, entry), ...args], { stdio: "inherit" });
  // A terminal sends its interrupt to the child too; a second one would make Pulumi give up in the middle of a change.
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) child.kill("SIGINT");
  });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    say(`${entry} cannot be started: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

const [name, ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  if (name) say(`unknown command: ${name}\n`);
  usage();
  process.exit(2);
}
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  say(
    `node ${oldestNode.join(".")} or newer is needed; this is ${process.versions.node} (https://nodejs.org)`,
  );
  process.exit(1);
}
if (!existsSync(join(root, command[0]))) {
  say(`${name}: ${command[0]} is missing from this checkout`);
  process.exit(2);
}
await installModules();
runEntry(command[0], args);
