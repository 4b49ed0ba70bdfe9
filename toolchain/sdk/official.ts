import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";

/** An entry of `packages:` in Pulumi.yaml: a provider, and what it is told to become. */
const entry = z.object({ source: z.string(), version: z.string(), parameters: z.array(z.string()) });
const project = z.object({ packages: z.object({ tencentcloud: entry }) });

export type PackageEntry = z.output<typeof entry>;

/** The entry of Tencent's provider in a project file. */
export function tencentEntry(projectFile: string): PackageEntry {
  return project.parse(parse(readFileSync(projectFile, "utf8"))).packages.tencentcloud;
}

/** The provider and its parameters as `pulumi package` takes them; after `--` none is an option of Pulumi's. */
export function packageArguments({ source, version, parameters }: PackageEntry): string[] {
  return [`${source}@${version}`, "--", ...parameters];
}
