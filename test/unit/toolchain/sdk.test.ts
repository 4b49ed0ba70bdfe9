import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { pulumiVersion } from "../../../toolchain/pulumiCli";
import { packageArguments, tencentEntry } from "../../../toolchain/sdk/official";

interface Parameterization {
  readonly baseProvider: { readonly name: string; readonly version: string };
  /** JSON in base64: what the base provider was told to become. */
  readonly parameter: string;
}

interface PackageJson {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly pulumi: {
    readonly name: string;
    readonly version: string;
    readonly parameterization: { readonly value: string };
  };
}

function json<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(root, ...path), "utf8")) as T;
}

const entry = tencentEntry(join(root, "Pulumi.yaml"));
const schema = json<{ version: string; parameterization: Parameterization }>(
  "sdks",
  "tencentcloud.schema.json",
);
const { parameterization } = schema;

describe("Tencent's provider", () => {
  it("is the same in Pulumi.yaml, in the committed schema and in the package", () => {
    const { remote, includes } = JSON.parse(Buffer.from(parameterization.parameter, "base64").toString()) as {
      remote: { url: string; version: string };
      includes: string[];
    };
    const { name, version } = parameterization.baseProvider;
    expect(entry).toEqual({
      source: name,
      version,
      parameters: [
        remote.url.replace(/^registry\.opentofu\.org\//, ""),
        remote.version,
        "--include",
        includes.join(","),
      ],
    });
    const sdk = json<PackageJson>("sdks", "tencentcloud", "package.json");
    expect(sdk.version).toBe(schema.version);
    expect(sdk.pulumi).toMatchObject({
      name,
      version,
      parameterization: { value: parameterization.parameter },
    });
    expect(json<PackageJson>("package.json").dependencies["@pulumi/tencentcloud"]).toBe(
      "file:sdks/tencentcloud",
    );
  });

  it("is asked of Pulumi's tools with its parameters behind the end of options", () => {
    expect(
      packageArguments({ source: "bridge", version: "1.2.3", parameters: ["a/b", "--include", "c"] }),
    ).toEqual(["bridge@1.2.3", "--", "a/b", "--include", "c"]);
  });
});

it.each(["cli", "sdk"])("toolchain/%s is compiled of the SDK's own version of Pulumi", (directory) => {
  const modules = readFileSync(join(root, "toolchain", directory, "go.mod"), "utf8");
  expect(modules).toContain(`github.com/pulumi/pulumi/pkg/v3 v${pulumiVersion}\n`);
});
