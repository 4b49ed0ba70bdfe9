import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { root } from "../toolchain/paths";
import { labPaths } from "./paths";
import { exists, list, remove, restore, save } from "./snapshots";

/** Files and folders that decide what a deployment of the lab leaves on its machines. */
const sources = ["index.ts", "components", "providers", "settings", "Pulumi.lab.yaml", "package-lock.json"];

function filesBelow(relative: string): string[] {
  const entries = readdirSync(path.join(root, relative), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const name = path.join(relative, entry.name);
    return entry.isDirectory() ? filesBelow(name) : [name];
  });
}

/** What is deployed: all that the lab's settings have, or `linkAlone`. */
export type Parts = "everything" | "link";

const labels: Readonly<Record<Parts, string>> = { everything: "healthy", link: "healthy-link" };

/** Name of the snapshot of the lab with this checkout's program deployed and healthy. */
export function healthyName(parts: Parts = "everything"): string {
  const hash = createHash("sha256");
  const files = sources.flatMap((source) => (path.extname(source) ? [source] : filesBelow(source)));
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(path.join(root, file)));
  return `${labels[parts]}-${hash.digest("hex").slice(0, 12)}`;
}

/** Saves the running lab as the healthy one of this checkout, in place of those of earlier programs. */
export async function saveHealthy(parts: Parts = "everything"): Promise<void> {
  const name = healthyName(parts);
  const hash = /-[0-9a-f]{12}$/;
  const isOfParts = (old: string): boolean => hash.test(old) && old.replace(hash, "") === labels[parts];
  for (const old of list()) if (isOfParts(old.name) && old.name !== name) await remove(old.name);
  await save(name);
}

/** Goes back to the healthy lab of this checkout. @returns false when there is none. */
export async function restoreHealthy(parts: Parts = "everything"): Promise<boolean> {
  const name = healthyName(parts);
  if (!exists(name, labPaths())) return false;
  await restore(name);
  return true;
}
