import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../paths";
import { canReachReleases } from "../plugins";
import { ensureToolchain, runPulumi } from "../pulumi";
import { MissingPrerequisite } from "../system";
import { replacePackage, schemaFile } from "./generate";
import { packageArguments, tencentEntry } from "./official";

const usage = `usage: npm run sdk:regenerate [-- --from-schema]

Writes sdks/tencentcloud, the package @pulumi/tencentcloud, anew. Where Pulumi's servers can be reached, its own tools
fetch the provider that Pulumi.yaml names under packages, and write its schema (sdks/tencentcloud.schema.json) too.
Elsewhere, or with --from-schema, the package is made of the schema that is there.
`;

async function pulumi(...args: string[]): Promise<string> {
  // The provider's own plugin is fetched too.
  const env = { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "false" };
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true, env });
  if (status !== 0) throw new Error(`pulumi ${args.join(" ")}: ${stderr || stdout}`);
  return stdout;
}

/** Lets Pulumi's tools do all of it, as anybody would by hand. */
async function regenerateFromProvider(): Promise<void> {
  const provider = packageArguments(tencentEntry(join(root, "Pulumi.yaml")));
  writeFileSync(schemaFile, await pulumi("package", "get-schema", ...provider));
  await pulumi("package", "add", ...provider);
}

async function main(args: readonly string[]): Promise<number> {
  const fromSchema = args.length === 1 && args[0] === "--from-schema";
  if (args.length > 0 && !fromSchema) {
    process.stderr.write(usage);
    return args[0] === "--help" ? 0 : 2;
  }
  const { cli } = await ensureToolchain();
  if (!fromSchema && cli.hasLanguageHost && (await canReachReleases())) {
    await regenerateFromProvider();
    process.stdout.write(
      "sdks/tencentcloud and its schema are as Pulumi's tools and the provider give them.\n",
    );
  } else {
    await replacePackage();
    process.stdout.write("sdks/tencentcloud is what sdks/tencentcloud.schema.json makes.\n");
  }
  return 0;
}

main(process.argv.slice(2)).then(
  (status) => (process.exitCode = status),
  (error: Error) => {
    process.stderr.write(`${error instanceof MissingPrerequisite ? error.message : error.stack}\n`);
    process.exitCode = 1;
  },
);
