import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { readProcess } from "../machines/process";

/** A built image. The disk is the backing file of every machine's overlay and is never written again. */
export interface Image {
  readonly hash: string;
  readonly directory: string;
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

const files = { disk: "disk.img", kernel: "vmlinuz", initrd: "initrd.img" } as const;

/** How long an image that no lab used is kept. */
const keepUnusedMs = 14 * 24 * 3600 * 1000;

/** Where the image of a hash is, or will be. */
export function imageAt(cache: string, hash: string): Image {
  const directory = path.join(cache, `image-${hash}`);
  return {
    hash,
    directory,
    disk: path.join(directory, files.disk),
    kernel: path.join(directory, files.kernel),
    initrd: path.join(directory, files.initrd),
  };
}

/**
 * Finds a finished image. Builds happen in a directory of another name that is renamed at the end, so a directory with
 * the right name is whole unless someone removed a part or a disk ran full: sizes recorded at the end tell.
 */
export function findImage(cache: string, hash: string): Image | undefined {
  const image = imageAt(cache, hash);
  const manifest = path.join(image.directory, "manifest.json");
  if (!existsSync(manifest)) return undefined;
  let sizes: unknown;
  try {
    sizes = JSON.parse(readFileSync(manifest, "utf8"));
  } catch {
    return undefined;
  }
  if (typeof sizes !== "object" || sizes === null) return undefined;
  for (const name of Object.values(files)) {
    const file = path.join(image.directory, name);
    if (!existsSync(file) || statSync(file).size !== (sizes as Record<string, unknown>)[name])
      return undefined;
  }
  return image;
}

/** Records the sizes of a finished build's files in it, as the last thing before its rename. */
export function sealImage(directory: string): void {
  const sizes = Object.fromEntries(
    Object.values(files).map((name) => [name, statSync(path.join(directory, name)).size]),
  );
  writeFileSync(path.join(directory, "manifest.json"), JSON.stringify(sizes) + "\n");
}

/** Notes that an image was used now, so that pruning leaves it. */
export function touchImage(image: Image): void {
  const now = new Date();
  utimesSync(path.join(image.directory, "manifest.json"), now, now);
}

/** Removes images that no lab used for two weeks, and leftovers of builds that ended half-way. */
export function pruneImages(cache: string, keep: string, nowMs = Date.now()): string[] {
  const removed: string[] = [];
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    const directory = path.join(cache, name);
    const manifest = path.join(directory, "manifest.json");
    const builder = /^image-[0-9a-f]+\.building-(\d+)$/.exec(name)?.[1];
    const abandoned = builder !== undefined && readProcess(Number(builder)) === undefined;
    const unused =
      /^image-[0-9a-f]+$/.test(name) &&
      name !== `image-${keep}` &&
      (!existsSync(manifest) || nowMs - statSync(manifest).mtimeMs > keepUnusedMs);
    if (abandoned || unused) {
      rmSync(directory, { recursive: true, force: true });
      removed.push(name);
    }
  }
  return removed;
}

/** Makes the cache directory. */
export function ensureCache(cache: string): void {
  mkdirSync(cache, { recursive: true, mode: 0o755 });
}
