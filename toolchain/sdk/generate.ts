import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { findGo, type Go } from "../go";
import { labDirectory, logDirectory, root } from "../paths";
import { ensureToolchain, runPulumi } from "../pulumi";
import { cliVersion, type PulumiCli, pulumiVersion } from "../pulumiCli";
import { step } from "../steps";

/** What the package of Tencent's provider is made of: the schema as Pulumi's tools gave it. */
export const schemaFile = join(root, "sdks", "tencentcloud.schema.json");

/** The generated package, a dependency of package.json. */
export const packageDirectory = join(root, "sdks", "tencentcloud");

const log = join(logDirectory, "sdk.log");

/**
 * Whose generator to use: that of the language host beside the CLI when it is of the SDK's own version, so that the same
 * schema gives the same files everywhere; else the same version compiled from its source (sdk/main.go); else any.
 */
function generatorFor(cli: PulumiCli): "languageHost" | Go {
  if (cli.hasLanguageHost && cliVersion(cli) === pulumiVersion) return "languageHost";
  try {
    return findGo(
      "The package's generator has to be compiled",
      "Or put a release of Pulumi on PATH, which has it: https://www.pulumi.com/docs/install",
    );
  } catch (error) {
    if (cli.hasLanguageHost) return "languageHost";
    throw error;
  }
}

/**
 * Writes the Node package of a schema.
 * @param directory Where to; it must not exist.
 * @throws MissingPrerequisite when there is neither a language host nor Go.
 */
export async function generate(schema: string, directory: string): Promise<void> {
  const { cli } = await ensureToolchain();
  const parent = join(labDirectory, "tmp");
  mkdirSync(parent, { recursive: true });
  const scratch = mkdtempSync(join(parent, "sdk-"));
  try {
    const generator = generatorFor(cli);
    if (generator === "languageHost") {
      const args = ["package", "gen-sdk", schema, "--language", "nodejs", "--local", "--out", scratch];
      const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
      if (status !== 0) throw new Error(`pulumi ${args.join(" ")}: ${stdout}${stderr}`);
    } else {
      await step("generator of packages", { log }, ({ run }) =>
        run(generator.path, ["run", ".", schema, join(scratch, "nodejs")], {
          cwd: join(root, "toolchain", "sdk"),
          env: generator.env,
        }),
      );
    }
    renameSync(join(scratch, "nodejs"), directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Puts the package that the committed schema makes in the place of the one that is there, and has npm install it. */
export async function replacePackage(): Promise<void> {
  const fresh = `${packageDirectory}.new`;
  rmSync(fresh, { recursive: true, force: true });
  await generate(schemaFile, fresh);
  if (existsSync(packageDirectory)) rmSync(packageDirectory, { recursive: true });
  renameSync(fresh, packageDirectory);
  await step("node modules", { log }, async ({ run, progress }) => {
    progress("install");
    await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], {
      cwd: root,
    });
    progress("compile the package");
    await run("npm", ["run", "postinstall"], { cwd: packageDirectory });
  });
}
