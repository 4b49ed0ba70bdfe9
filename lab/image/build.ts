import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { withLock } from "../../toolchain/lock";
import { step, type Step } from "../../toolchain/steps";
import { findOnPath } from "../../toolchain/system";
import { aptTransport, debianSources } from "./apt";
import { ensureDownload } from "./artefacts";
import { ensureCache, findImage, imageAt, pruneImages, sealImage, touchImage, type Image } from "./cache";
import { artefacts, excludedPaths, packages, recipeFiles, recipeHash, suite } from "./recipe";

/** Size of the machines' disks. The file is sparse: it takes what is written, about 650 MB. */
const diskSize = "8G";

/**
 * Finds the golden image in the cache, or builds it.
 * @param logs Directory of the build's log.
 * @throws Error when it can't be built, with the log's last lines.
 */
export async function ensureImage(cache: string, logs: string): Promise<Image> {
  const hash = recipeHash();
  const ready = findImage(cache, hash);
  if (ready) {
    touchImage(ready);
    return ready;
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      "building the golden image takes root, because it sets up a Debian tree with its own users: run this once as root, " +
        `or copy ${imageAt(cache, hash).directory} from a machine that has it`,
    );
  }
  ensureCache(cache);
  return withLock(
    path.join(cache, "image.lock"),
    () => process.stderr.write("golden image: another process is building it; waiting\n"),
    async () => findImage(cache, hash) ?? (await build(cache, hash, logs)),
  );
}

async function build(cache: string, hash: string, logs: string): Promise<Image> {
  const image = imageAt(cache, hash);
  pruneImages(cache, hash);
  const building = `${image.directory}.building-${process.pid}`;
  const abandon = (): void => rmSync(building, { recursive: true, force: true });
  try {
    mkdirSync(building, { mode: 0o700 });
    await step("golden image", { log: path.join(logs, "image.log") }, (log) =>
      bootstrap(log, cache, building),
    );
    sealImage(building);
    // What stands there was found damaged.
    rmSync(image.directory, { recursive: true, force: true });
    renameSync(building, image.directory);
  } finally {
    abandon();
  }
  const built = findImage(cache, hash);
  if (!built) throw new Error(`the golden image in ${image.directory} vanished while it was being finished`);
  return built;
}

async function bootstrap(log: Step, cache: string, directory: string): Promise<void> {
  const files = path.join(directory, "files");
  mkdirSync(files);
  for (const [name, content] of Object.entries(recipeFiles())) {
    writeFileSync(path.join(files, name), content, { mode: name.endsWith(".sh") ? 0o755 : 0o644 });
  }
  const downloads = path.join(files, "artefacts");
  mkdirSync(downloads);
  for (const artefact of artefacts) {
    copyFileSync(await ensureDownload(cache, artefact, log), path.join(downloads, artefact.sha256));
  }
  const sources = debianSources();
  const sourceFiles: string[] = [];
  for (const [name, content] of [
    ["debian.list", sources.list],
    ["debian.sources", sources.deb822],
  ] as const) {
    if (content.trim() === "") continue;
    sourceFiles.push(path.join(directory, name));
    writeFileSync(path.join(directory, name), content, { mode: 0o600 });
  }
  // Proxy settings may carry a password.
  const transport = path.join(directory, "apt.conf");
  writeFileSync(transport, aptTransport(), { mode: 0o600 });

  const root = path.join(directory, "root");
  log.progress(`installing ${packages.length} packages and what they need`);
  await log.run("mmdebstrap", [
    "--variant=minbase",
    "--format=directory",
    `--include=${packages.join(",")}`,
    `--aptopt=${transport}`,
    ...excludedPaths.map((excluded) => `--dpkgopt=path-exclude=${excluded}`),
    `--customize-hook='${files}/hook.sh' "$1" '${directory}' '${files}'`,
    suite,
    root,
    ...sourceFiles,
  ]);

  log.progress("writing the disk");
  const disk = path.join(directory, "disk.img");
  const options = ["-q", "-t", "ext4", "-O", "^metadata_csum,^64bit", "-m", "0"];
  await log.run(findOnPath("mke2fs") ?? "mke2fs", [
    ...options,
    "-E",
    "lazy_itable_init=1,nodiscard",
    "-d",
    root,
    disk,
    diskSize,
  ]);
  for (const part of [root, files, transport, ...sourceFiles]) rmSync(part, { recursive: true, force: true });
}
