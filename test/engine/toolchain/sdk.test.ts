import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { labDirectory, root } from "../../../toolchain/paths";
import { generate, packageDirectory, schemaFile } from "../../../toolchain/sdk/generate";
import { createProject, type PulumiProject } from "../../support/pulumiProject";

/** Contents of a package's files by path, without what installing it adds. */
function filesOf(directory: string): Record<string, string> {
  const paths = (readdirSync(directory, { recursive: true }) as string[]).filter(
    (path) => !["bin", "node_modules"].includes(path.split(sep)[0]!),
  );
  const files = paths.filter((path) => statSync(join(directory, path)).isFile()).sort();
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(directory, path), "utf8")]));
}

describe("the package of Tencent's provider", () => {
  it("is what Pulumi's generator makes of the committed schema, file by file", async () => {
    mkdirSync(join(labDirectory, "tmp"), { recursive: true });
    const directory = mkdtempSync(join(labDirectory, "tmp", "sdk-test-"));
    try {
      await generate(schemaFile, join(directory, "tencentcloud"));
      const generated = filesOf(join(directory, "tencentcloud"));
      expect(Object.keys(generated).length).toBeGreaterThan(50);
      expect(filesOf(packageDirectory)).toEqual(generated);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 600_000);
});

describe("a program of a project that names the provider", () => {
  let project: PulumiProject;

  beforeAll(async () => {
    project = await createProject();
    const packages = readFileSync(join(root, "Pulumi.yaml"), "utf8").replace(/^[\s\S]*?(?=^packages:)/m, "");
    expect(packages).toContain("source: terraform-provider");
    writeFileSync(join(project.directory, "Pulumi.yaml"), `name: test\nruntime: nodejs\n${packages}`);
  }, 600_000);

  afterAll(() => project.remove());

  it("needs no plugin of it as long as it makes nothing with it", async () => {
    const { status, stdout, stderr } = await project.preview(
      `require("@pulumi/tencentcloud"); new random.RandomId("id", { byteLength: 4 });`,
    );
    expect({ status, stderr: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, stderr: "" });
    const { steps } = JSON.parse(stdout) as { steps: { urn: string }[] };
    expect(steps.map(({ urn }) => urn.split("::").at(-1))).toContain("id");
  }, 120_000);
});
