import { readFileSync } from "node:fs";
import type { HostFile } from "./manifest";

/** A program that a manifest brings along: what is at `source` here, executable at `path` on the host. */
export function programFile(path: string, source: string): HostFile {
  return { path, content: readFileSync(source, "utf8"), mode: "0755" };
}
