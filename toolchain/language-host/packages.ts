import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as plugin from "@pulumi/pulumi/proto/plugin_pb";

/** The parts of a package.json that matter here. `pulumi` marks a package that comes with a resource plugin. */
interface PackageJson {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly pulumi?: {
    readonly resource?: boolean;
    readonly name?: string;
    readonly version?: string;
    readonly server?: string;
    readonly parameterization?: { readonly name: string; readonly version: string; readonly value: string };
  };
}

function readPackage(directory: string): PackageJson | undefined {
  const file = join(directory, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as PackageJson) : undefined;
}

/** Folders of the modules that Node would find from a directory: those of the nearest node_modules at or above it. */
function moduleFolders(directory: string): { modules: string; names: string[] } {
  const modules = join(directory, "node_modules");
  if (!existsSync(modules)) {
    const parent = dirname(directory);
    return parent === directory ? { modules, names: [] } : moduleFolders(parent);
  }
  const names = readdirSync(modules).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(modules, name)).map((scoped) => `${name}/${scoped}`) : [name],
  );
  return { modules, names };
}

function pluginName(moduleName: string): string {
  return moduleName.replace(/^@pulumi\//, "").replace(/^@.*\//, "");
}

/** The resource plugins that go with the installed packages. */
export function pulumiPackages(directory: string): plugin.PackageDependency[] {
  const { modules, names } = moduleFolders(directory);
  return names.flatMap((moduleName) => {
    const contents = readPackage(join(modules, moduleName));
    const declared = contents?.pulumi;
    if (!contents || !declared?.resource) return [];
    const version = (declared.version ?? contents.version ?? "").replace(/^v?/, "v");
    const dependency = new plugin.PackageDependency()
      .setName(declared.name ?? pluginName(moduleName))
      .setKind("resource")
      .setVersion(version)
      .setServer(declared.server ?? "");
    if (declared.parameterization) {
      dependency.setParameterization(
        new plugin.PackageParameterization()
          .setName(declared.parameterization.name)
          .setVersion(declared.parameterization.version)
          .setValue(declared.parameterization.value),
      );
    }
    return [dependency];
  });
}

/** The program's declared dependencies with their installed versions. */
export function declaredDependencies(directory: string): (readonly [name: string, version: string])[] {
  const { modules } = moduleFolders(directory);
  return Object.entries(readPackage(directory)?.dependencies ?? {}).map(
    ([name, wanted]) => [name, readPackage(join(modules, name))?.version ?? wanted] as const,
  );
}
