import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { cacheDirectory, logDirectory, root } from "./paths";
import type { PulumiCli } from "./pulumiCli";
import { step } from "./steps";
import { MissingPrerequisite } from "./system";

/** Whose `command` and `random` plugins are used: Pulumi's, or the project's own under plugins/. */
export type PluginChoice = "official" | "builtin";

const names = ["command", "random"] as const;

/** How long a machine that could not reach the plugins' server is not asked to try again. */
const retryAfterMs = 6 * 3600_000;
const reachTimeoutMs = 5_000;
const installTimeoutSeconds = 180;

/** The plugins' versions are those of their packages in package.json. */
function wanted(): { name: string; version: string }[] {
  const project = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  return names.map((name) => ({ name, version: project.dependencies[`@pulumi/${name}`]! }));
}

function isInstalled({ name, version }: { name: string; version: string }): boolean {
  const home = process.env["PULUMI_HOME"] || join(homedir(), ".pulumi");
  return existsSync(join(home, "plugins", `resource-${name}-v${version}`));
}

const memory = join(cacheDirectory, "plugins-unreachable");

function failedLately(): boolean {
  const remembered = statSync(memory, { throwIfNoEntry: false });
  return remembered !== undefined && Date.now() - remembered.mtimeMs < retryAfterMs;
}

/** Whether there is a way to the server of Pulumi's releases and plugins; any answer of it will do. */
export async function canReachReleases(): Promise<boolean> {
  try {
    await fetch("https://get.pulumi.com/", { method: "HEAD", signal: AbortSignal.timeout(reachTimeoutMs) });
    return true;
  } catch {
    return false;
  }
}

async function install(cli: PulumiCli): Promise<void> {
  const log = join(logDirectory, "plugins.log");
  await step("Pulumi plugins: download", { log }, async ({ run, progress }) => {
    for (const { name, version } of wanted()) {
      progress(`${name} ${version}`);
      await run(
        "timeout",
        [String(installTimeoutSeconds), cli.path, "plugin", "install", "resource", name, version],
        { env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" } },
      );
    }
  });
}

/**
 * Decides whose plugins to use: the official ones when they are installed or can be downloaded, else the project's own.
 * CROSSBORDER_PLUGINS=official or builtin decides it beforehand.
 * @throws MissingPrerequisite when the official ones are demanded and cannot be had.
 */
export async function choosePlugins(cli: PulumiCli): Promise<PluginChoice> {
  const wish = process.env["CROSSBORDER_PLUGINS"];
  if (wish === "builtin") return "builtin";
  if (wish !== undefined && wish !== "official") {
    throw new MissingPrerequisite(`CROSSBORDER_PLUGINS is "${wish}"; it may be official or builtin`);
  }
  if (wanted().every(isInstalled)) return "official";
  if (wish === undefined && failedLately()) return "builtin";
  try {
    if (!(await canReachReleases())) throw new Error("get.pulumi.com cannot be reached");
    await install(cli);
    rmSync(memory, { force: true });
    return "official";
  } catch (error) {
    if (wish === "official") {
      throw new MissingPrerequisite(
        `CROSSBORDER_PLUGINS is official, but the plugins cannot be downloaded: ${(error as Error).message}`,
      );
    }
    mkdirSync(cacheDirectory, { recursive: true });
    writeFileSync(memory, `${(error as Error).message}\n`);
    return "builtin";
  }
}

/** The version of a plugin of the machine's, for messages. */
export function pluginVersions(): string {
  return wanted()
    .map(({ name, version }) => `${name} ${version}`)
    .join(", ");
}
