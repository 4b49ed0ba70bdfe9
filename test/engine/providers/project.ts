import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runPulumi, type PulumiResult } from "../../../toolchain/pulumi";
import { interruptPulumi } from "../interrupt";

const repository = resolve(__dirname, "../../..");

/** A project of one test that shares this repository's code and reads `inputs.json`. */
export class Project {
  readonly directory = mkdtempSync(join(tmpdir(), "crossborder-provider-"));

  private get environment(): NodeJS.ProcessEnv {
    return {
      PULUMI_BACKEND_URL: `file://${join(this.directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "of a test",
      PULUMI_STACK: "test",
    };
  }

  async create(program: string): Promise<void> {
    for (const shared of [
      "components",
      "providers",
      "node_modules",
      "toolchain",
      "tsconfig.json",
      "package.json",
    ]) {
      symlinkSync(join(repository, shared), join(this.directory, shared));
    }
    mkdirSync(join(this.directory, "state"));
    this.write("Pulumi.yaml", "name: test\nruntime: nodejs\nmain: index.ts\n");
    this.write("index.ts", program);
    const { status, stderr } = await this.pulumi("stack", "init", "test");
    if (status !== 0) throw new Error(stderr);
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.directory, name), content);
  }

  inputs(value: unknown): void {
    this.write("inputs.json", JSON.stringify(value));
  }

  pulumi(...args: string[]): Promise<PulumiResult> {
    return runPulumi(args, { cwd: this.directory, quiet: true, env: this.environment });
  }

  /** Starts a deployment and kills it, with all that it started, as soon as a condition holds. */
  async interruptUp(when: () => boolean): Promise<void> {
    const args = ["up", "--yes", "--skip-preview", "--non-interactive"];
    await interruptPulumi(args, { cwd: this.directory, env: this.environment }, when);
    const { status, stderr } = await this.pulumi("cancel", "--yes");
    if (status !== 0) throw new Error(stderr);
  }

  up(options: readonly string[] = []): Promise<PulumiResult> {
    return this.pulumi("up", "--yes", "--skip-preview", ...options);
  }

  /** Operations by resource name that a preview announces, without what stays the same. */
  async preview(): Promise<Record<string, string>> {
    const { stdout, stderr, status } = await this.pulumi("preview", "--json");
    if (status !== 0) throw new Error(stdout + stderr);
    const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
    return Object.fromEntries(
      steps.filter(({ op }) => op !== "same").map(({ op, urn }) => [urn.split("::").at(-1)!, op]),
    );
  }

  async outputs(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.pulumi("stack", "output", "--json")).stdout) as Record<string, unknown>;
  }

  /** The stored outputs of a resource, as a refresh leaves them; the stack's own outputs are the last deployment's. */
  stored(name: string): Record<string, unknown> {
    const { checkpoint } = JSON.parse(this.state()) as {
      checkpoint: { latest: { resources: { urn: string; outputs?: Record<string, unknown> }[] } };
    };
    return checkpoint.latest.resources.find(({ urn }) => urn.endsWith(`::${name}`))?.outputs ?? {};
  }

  /** The state as it lies on disk. */
  state(): string {
    return readFileSync(join(this.directory, "state/.pulumi/stacks/test/test.json"), "utf8");
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
