import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { isNewEnough, pulumiVersion } from "../../../toolchain/pulumiCli";
import {
  isLabStack,
  projectDirectory,
  saltOf,
  stackOf,
  withoutSalt,
  withSalt,
} from "../../../toolchain/stack";
import { formatElapsed } from "../../../toolchain/steps";

describe("the settings file of a lab stack", () => {
  const committed = "# settings\nconfig:\n  crossborder:a: 1\n";
  const salt = "v1:abc=:v1:d+e/f";

  it("takes a salt, and gives back what was committed without it", () => {
    const effective = withSalt(committed, salt);
    expect(saltOf(effective)).toBe(salt);
    expect(withoutSalt(effective)).toBe(committed);
  });

  it("takes this checkout's salt in place of another's", () => {
    const effective = withSalt(withSalt(committed, "v1:other:v1:other"), salt);
    expect(effective.match(/encryptionsalt/g)).toHaveLength(1);
    expect(saltOf(effective)).toBe(salt);
  });
});

describe("which stack and project a command is about", () => {
  it.each([
    [["up", "-s", "prod"], "prod"],
    [["up", "--stack", "acme/crossborder/prod"], "prod"],
    [["--stack=prod", "up"], "prod"],
    [["up", "-sprod"], "prod"],
    [["up", "--skip-preview", "-s", "prod"], "prod"],
  ])("%j: %s", (args, stack) => expect(stackOf(args)).toBe(stack));

  it("is the lab when nothing is said", () => {
    const before = process.env["PULUMI_STACK"];
    process.env["PULUMI_STACK"] = "lab";
    expect(stackOf(["up"])).toBe("lab");
    if (before === undefined) delete process.env["PULUMI_STACK"];
    else process.env["PULUMI_STACK"] = before;
  });

  it("keeps the lab's stacks apart from an operator's", () => {
    expect(["lab", "lab-faults", "prod", "laboratory"].map(isLabStack)).toEqual([true, true, false, false]);
  });

  it("finds the project above the working directory, or where -C points", () => {
    expect(projectDirectory(["up"], join(root, "toolchain", "cli"))).toBe(root);
    expect(projectDirectory(["up", "-C", root], "/")).toBe(root);
    expect(projectDirectory(["up"], "/")).toBeUndefined();
  });
});

describe("the Pulumi CLI", () => {
  it.each([
    [`v${pulumiVersion}`, true],
    ["v3.300.1", true],
    ["v3.258.9", false],
    ["v4.0.0", false],
    ["no version", false],
  ])("%s: %s", (version, expected) => expect(isNewEnough(version)).toBe(expected));

  it("has the version of the SDK in package.json and of the sources that it is compiled from", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    expect(dependencies["@pulumi/pulumi"]).toBe(pulumiVersion);
    expect(readFileSync(join(root, "toolchain/cli/go.mod"), "utf8")).toContain(
      `pulumi/pkg/v3 v${pulumiVersion}`,
    );
  });
});

it.each([
  [900, "1s"],
  [59_400, "59s"],
  [80_000, "1m20s"],
  [3_905_000, "1h05m"],
])("%d ms elapsed reads %s", (milliseconds, text) => expect(formatElapsed(milliseconds)).toBe(text));
