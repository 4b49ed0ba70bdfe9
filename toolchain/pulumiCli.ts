import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { findGo } from "./go";
import { withLock } from "./lock";
import { cacheDirectory, labDirectory, logDirectory, root } from "./paths";
import { step, type Step } from "./steps";
import { findOnPath, MissingPrerequisite } from "./system";

/** The version that is installed when the machine has none that will do: the SDK's own, in package.json. */
export const pulumiVersion = "3.259.0";

/** A Pulumi CLI to use. */
export interface PulumiCli {
  /** The program. */
  readonly path: string;
  /** Where it came from: the machine's PATH, Pulumi's own release, or compiled from its source. */
  readonly source: "path" | "release" | "source";
  /** Whether the official language host for Node stands beside it. */
  readonly hasLanguageHost: boolean;
}

type Version = readonly [number, number, number];

function parseVersion(text: string): Version | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(text.trim());
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

/** Whether a CLI of version `found` can run programs of the SDK `pulumiVersion`: the same major, and not older. */
export function isNewEnough(found: string): boolean {
  const [have, need] = [parseVersion(found), parseVersion(pulumiVersion)!];
  if (!have || have[0] !== need[0]) return false;
  return have[1] > need[1] || (have[1] === need[1] && have[2] >= need[2]);
}

function describe(path: string, source: PulumiCli["source"]): PulumiCli {
  return { path, source, hasLanguageHost: existsSync(join(dirname(path), "pulumi-language-nodejs")) };
}

/** The CLI that the machine's owner installed. The project's own shims, which a shell of ours puts on PATH, are not it. */
function onPath(): PulumiCli | undefined {
  const directories = (process.env["PATH"] ?? "")
    .split(":")
    .filter((directory) => basename(dirname(dirname(directory))) !== basename(labDirectory));
  const path = findOnPath("pulumi", directories.join(":"));
  if (!path) return undefined;
  const answer = spawnSync(path, ["version"], {
    encoding: "utf8",
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" },
  });
  return answer.status === 0 && isNewEnough(answer.stdout) ? describe(path, "path") : undefined;
}

const home = join(cacheDirectory, `pulumi-${pulumiVersion}`);

function cached(): PulumiCli | undefined {
  const path = join(home, "pulumi");
  if (!existsSync(path)) return undefined;
  const cli = describe(path, "release");
  return cli.hasLanguageHost ? cli : { ...cli, source: "source" };
}

/** Puts a finished installation in its place in one move, so that nobody ever sees half of one. */
function publish(directory: string): void {
  rmSync(home, { recursive: true, force: true });
  renameSync(directory, home);
}

/** The release server does not answer within this time: the machine has no way there. */
const reachTimeoutMs = 5_000;
const downloadTimeoutMs = 10 * 60_000;

function releaseName(): string | undefined {
  const system = { linux: "linux", darwin: "darwin" }[process.platform as string];
  const machine = { x64: "x64", arm64: "arm64" }[process.arch as string];
  return system && machine ? `pulumi-v${pulumiVersion}-${system}-${machine}.tar.gz` : undefined;
}

async function fetchText(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(reachTimeoutMs) });
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

/** Installs Pulumi's release, when its checksums and archive can be fetched. */
async function download(): Promise<PulumiCli | undefined> {
  const archive = releaseName();
  if (!archive) return undefined;
  const checksums = await fetchText(
    `https://github.com/pulumi/pulumi/releases/download/v${pulumiVersion}/pulumi-${pulumiVersion}-checksums.txt`,
  );
  const expected = checksums
    ?.split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, name]) => name === archive)?.[0];
  if (!expected) return undefined;

  return step(
    `Pulumi ${pulumiVersion}: download`,
    { log: join(logDirectory, "pulumi-cli.log") },
    async ({ run }) => {
      const response = await fetch(`https://get.pulumi.com/releases/sdk/${archive}`, {
        signal: AbortSignal.timeout(downloadTimeoutMs),
      });
      if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
      const content = Buffer.from(await response.arrayBuffer());
      const actual = createHash("sha256").update(content).digest("hex");
      if (actual !== expected) {
        throw new Error(`${archive} has SHA-256 ${actual}, but the release names ${expected}; not installed`);
      }
      const temporary = mkdtempSync(`${home}.`);
      const file = join(temporary, archive);
      writeFileSync(file, content);
      await run("tar", ["-xzf", file, "-C", temporary]);
      publish(join(temporary, "pulumi"));
      rmSync(temporary, { recursive: true, force: true });
      return cached()!;
    },
  );
}

async function build({ run, progress }: Step): Promise<PulumiCli> {
  const { path: go, env } = findGo(
    `Pulumi ${pulumiVersion} can be neither found nor downloaded, so it is to be compiled`,
    "Or put the pulumi program on PATH: https://www.pulumi.com/docs/install",
  );
  const module = join(root, "toolchain", "cli");
  progress("modules");
  await run(go, ["mod", "download"], { cwd: module, env });
  progress("compiling");
  const temporary = mkdtempSync(`${home}.`);
  const stamp = `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${pulumiVersion}`;
  await run(
    go,
    [
      "build",
      `-ldflags=-s -w -X ${stamp}`,
      "-o",
      join(temporary, "pulumi"),
      "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    ],
    { cwd: module, env },
  );
  chmodSync(temporary, 0o755);
  publish(temporary);
  return cached()!;
}

/**
 * Finds a Pulumi CLI, or installs one into the user's cache: Pulumi's release when it can be downloaded, else compiled
 * from its source through the Go module proxy with the versions that cli/go.sum pins. CROSSBORDER_PULUMI=path,
 * download or build allows one way only.
 * @throws MissingPrerequisite when there is no way on this machine.
 */
export async function ensurePulumiCli(): Promise<PulumiCli> {
  const wish = process.env["CROSSBORDER_PULUMI"];
  if (wish !== undefined && !["path", "download", "build"].includes(wish)) {
    throw new MissingPrerequisite(`CROSSBORDER_PULUMI is "${wish}"; it may be path, download or build`);
  }
  if (wish === undefined || wish === "path") {
    const found = onPath();
    if (found) return found;
    if (wish)
      throw new MissingPrerequisite(`PATH has no pulumi ${pulumiVersion} or newer of the same major version`);
  }
  const suits = (cli: PulumiCli | undefined): cli is PulumiCli =>
    cli !== undefined && (wish === undefined || cli.hasLanguageHost === (wish === "download"));
  const ready = cached();
  if (suits(ready)) return ready;
  const log = join(logDirectory, "pulumi-cli.log");
  const waiting = (): void =>
    void process.stderr.write("Pulumi: another command is installing it, waiting\n");
  mkdirSync(cacheDirectory, { recursive: true });
  return withLock(`${home}.lock`, waiting, async () => {
    const meanwhile = cached();
    if (suits(meanwhile)) return meanwhile;
    if (wish !== "build") {
      const downloaded = await download();
      if (downloaded) return downloaded;
      if (wish) throw new MissingPrerequisite("Pulumi's release cannot be downloaded from here");
    }
    return step(`Pulumi ${pulumiVersion}: compile (about 4 minutes)`, { log }, build);
  });
}

/** The version that a CLI reports, without the leading v. */
export function cliVersion(cli: PulumiCli): string {
  const answer = spawnSync(cli.path, ["version"], {
    encoding: "utf8",
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" },
  });
  return answer.stdout.trim().replace(/^v/, "");
}

/** The version of the SDK in package.json; the language host and the CLI have to go with it. */
export function sdkVersion(): string {
  const project = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  return project.dependencies["@pulumi/pulumi"]!;
}
