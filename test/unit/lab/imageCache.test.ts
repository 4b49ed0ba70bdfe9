import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { findImage, imageAt, pruneImages, sealImage } from "../../../lab/image/cache";
import { packages, recipeFiles, recipeHash } from "../../../lab/image/recipe";

let cache: string;
beforeEach(() => (cache = mkdtempSync(path.join(tmpdir(), "image-cache-"))));
afterEach(() => rmSync(cache, { recursive: true }));

function makeImage(hash: string): string {
  const { directory, disk, kernel, initrd } = imageAt(cache, hash);
  mkdirSync(directory);
  for (const file of [disk, kernel, initrd]) writeFileSync(file, "content");
  sealImage(directory);
  return directory;
}

describe("the cache of golden images", () => {
  it("finds an image that was finished", () => {
    makeImage("abc123");
    expect(findImage(cache, "abc123")?.disk).toBe(path.join(cache, "image-abc123", "disk.img"));
  });

  it("does not take a half-built image for one", () => {
    const { directory, disk, kernel, initrd } = imageAt(cache, "abc123");
    mkdirSync(directory);
    for (const file of [disk, kernel, initrd]) writeFileSync(file, "content");
    expect(findImage(cache, "abc123")).toBeUndefined();
  });

  it("does not take an image for whole when a part is missing, shortened, or its record unreadable", () => {
    rmSync(path.join(makeImage("aaa"), "initrd.img"));
    expect(findImage(cache, "aaa")).toBeUndefined();
    truncateSync(path.join(makeImage("bbb"), "disk.img"), 3);
    expect(findImage(cache, "bbb")).toBeUndefined();
    writeFileSync(path.join(makeImage("ccc"), "manifest.json"), "{");
    expect(findImage(cache, "ccc")).toBeUndefined();
  });

  it("prunes what no lab used for two weeks and what a dead build left, and nothing else", () => {
    const day = 24 * 3600 * 1000;
    const now = Date.now();
    for (const [hash, age] of [
      ["aaa", 20],
      ["bbb", 3],
      ["ccc", 20],
    ] as const) {
      const then = new Date(now - age * day);
      utimesSync(path.join(makeImage(hash), "manifest.json"), then, then);
    }
    // No process has an id above the kernel's limit of 2^22.
    mkdirSync(path.join(cache, "image-ddd.building-4194305"));
    mkdirSync(path.join(cache, `image-eee.building-${process.pid}`));
    mkdirSync(path.join(cache, "pulumi-3.259.0"));

    expect(pruneImages(cache, "ccc", now).sort()).toEqual(["image-aaa", "image-ddd.building-4194305"]);
    for (const kept of ["image-bbb", "image-ccc", `image-eee.building-${process.pid}`, "pulumi-3.259.0"]) {
      expect(existsSync(path.join(cache, kept))).toBe(true);
    }
  });
});

describe("the image's recipe", () => {
  it("has a stable name", () => {
    expect(recipeHash()).toMatch(/^[0-9a-f]{12}$/);
    expect(recipeHash()).toBe(recipeHash());
  });

  it("is named after its downloads too", () => {
    expect(recipeHash([])).not.toBe(recipeHash());
  });

  it("holds what the link's host configuration installs, each package once", () => {
    for (const wanted of ["frr", "frr-pythontools", "nftables", "charon-systemd", "strongswan-swanctl"]) {
      expect(packages).toContain(wanted);
    }
    expect(new Set(packages).size).toBe(packages.length);
  });

  it("names every network card by its address", () => {
    expect(recipeFiles()["10-mgmt.link"]).toContain("52:54:00:aa:00:01 52:54:00:aa:00:02 52:54:00:aa:00:03");
    expect(recipeFiles()["10-to-sg.link"]).toContain("MACAddress=52:54:00:cc:00:02\n");
  });
});
