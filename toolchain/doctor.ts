import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { cacheDirectory, labDirectory } from "./paths";
import { canReachReleases } from "./plugins";
import { pulumiVersion } from "./pulumiCli";
import { describeToolchain } from "./pulumi";
import { elevation, findOnPath, labPackages, missingPackages } from "./system";

/** One thing that the project needs, and how it stands on this machine. */
interface Finding {
  readonly name: string;
  /** `later`: the project installs it itself when it is first needed. `warning`: works, but not well. */
  readonly state: "ok" | "later" | "warning" | "missing";
  /** What was found. */
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What the lab's machines and their image take. */
const neededDiskGb = 6;
const neededMemoryGb = 2;

function version(program: string, args: readonly string[]): string | undefined {
  const path = findOnPath(program);
  if (!path) return undefined;
  const answer = spawnSync(path, args, { encoding: "utf8" });
  return answer.status === 0 ? (answer.stdout.split("\n")[0]?.trim() ?? "") : undefined;
}

function tool(name: string, args: readonly string[], advice: string): Finding {
  const found = version(name, args);
  return found === undefined
    ? { name, state: "missing", found: "not on PATH", advice }
    : { name, state: "ok", found };
}

async function pulumi(): Promise<Finding> {
  const isHere = findOnPath("pulumi") ?? existsSync(`${cacheDirectory}/pulumi-${pulumiVersion}/pulumi`);
  if (!isHere) {
    const name = "pulumi";
    if (await canReachReleases())
      return { name, state: "later", found: `${pulumiVersion} will be downloaded` };
    if (findOnPath("go"))
      return { name, state: "later", found: `${pulumiVersion} will be compiled (4 minutes)` };
    const advice =
      "put the pulumi program on PATH (https://www.pulumi.com/docs/install), or Go, to compile it with";
    return { name, state: "missing", found: "neither installed, nor to be downloaded from here", advice };
  }
  try {
    return { name: "pulumi", state: "ok", found: await describeToolchain() };
  } catch (error) {
    return { name: "pulumi", state: "missing", found: "cannot be used", advice: (error as Error).message };
  }
}

function go(): Finding {
  const found = version("go", ["version"]);
  if (found) return { name: "go", state: "ok", found };
  return {
    name: "go",
    state: "warning",
    found: "not on PATH",
    advice: "only needed where Pulumi can be neither found nor downloaded: https://go.dev/dl, 1.25 or newer",
  };
}

function systemPackages(): Finding {
  const missing = missingPackages(labPackages);
  const name = "system packages";
  if (missing.length === 0) return { name, state: "ok", found: labPackages.join(" ") };
  const found = `missing: ${missing.join(" ")}`;
  const canInstall = existsSync("/usr/bin/apt-get") && elevation() !== undefined;
  if (canInstall) return { name, state: "later", found: `${found}; \`npm run lab\` installs them` };
  const advice = existsSync("/usr/bin/apt-get")
    ? `sudo apt-get install --no-install-recommends ${missing.join(" ")}`
    : `install your system's packages of these names of Debian: ${missing.join(" ")}`;
  return { name, state: "missing", found, advice };
}

function disk(): Finding {
  mkdirSync(labDirectory, { recursive: true });
  const { bavail, bsize } = statfsSync(labDirectory);
  const freeGb = (bavail * bsize) / 1e9;
  const finding = { name: "disk", found: `${freeGb.toFixed(0)} GB free at ${labDirectory}` };
  if (freeGb >= neededDiskGb) return { ...finding, state: "ok" };
  return { ...finding, state: "missing", advice: `the lab and its image take up to ${neededDiskGb} GB` };
}

function memory(): Finding {
  const [total, free] = [totalmem() / 1e9, freemem() / 1e9];
  const finding = { name: "memory", found: `${total.toFixed(1)} GB, ${free.toFixed(1)} GB of it unused` };
  if (total >= neededMemoryGb) return { ...finding, state: "ok" };
  return { ...finding, state: "missing", advice: `the lab's machines take up to ${neededMemoryGb} GB` };
}

/** A device that opens proves nothing: some hosts have one on which no guest boots. */
function acceleration(): Finding {
  const found = existsSync("/dev/kvm")
    ? "/dev/kvm is there; whether it boots a machine is tested at `npm run lab -- up`"
    : "no /dev/kvm: machines are emulated, which is slower and works";
  return { name: "acceleration", state: "ok", found };
}

async function main(args: readonly string[]): Promise<number> {
  const findings: readonly Finding[] = [
    { name: "node", state: "ok", found: process.version },
    tool("npm", ["--version"], "comes with Node: https://nodejs.org"),
    tool("git", ["--version"], "install your system's package git"),
    go(),
    await pulumi(),
    systemPackages(),
    disk(),
    memory(),
    acceleration(),
  ];
  const canRun = findings.every(({ state }) => state !== "missing");
  if (args.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ canRun, findings }, undefined, 2)}\n`);
    return canRun ? 0 : 1;
  }
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, state, found, advice } of findings) {
    process.stdout.write(`${state.padEnd(8)} ${name.padEnd(width)}  ${found}\n`);
    if (advice) process.stdout.write(`${" ".repeat(10 + width)} → ${advice}\n`);
  }
  process.stdout.write(canRun ? "\nThe lab can run: npm run lab\n" : "\nThe lab cannot run yet.\n");
  return canRun ? 0 : 1;
}

void main(process.argv.slice(2)).then((status) => (process.exitCode = status));
