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

/** Names of the snapshots that earlier programs, and this one, have left of these parts, oldest first. */
function healthyNames(parts: Parts): string[] {
  const hash = /-[0-9a-f]{12}$/;
  return list()
    .map(({ name }) => name)
    .filter((name) => hash.test(name) && name.replace(hash, "") === labels[parts]);
}

/** Saves the running lab as the healthy one of this checkout, in place of those of earlier programs. */
export async function saveHealthy(parts: Parts = "everything"): Promise<void> {
  const name = healthyName(parts);
  for (const old of healthyNames(parts)) if (old !== name) await remove(old);
  await save(name);
}

/**
 * Goes back to the healthy lab of this checkout. Where there is none, to that of an earlier program: a deployment over it begins without
 * what tests and drills left in the meantime.
 * @returns whether the lab is as this checkout's program deploys it.
 */
export async function restoreHealthy(parts: Parts = "everything"): Promise<boolean> {
  const name = healthyName(parts);
  const found = exists(name, labPaths()) ? name : healthyNames(parts).at(-1);
  if (found !== undefined) await restore(found);
  return found === name;
}
