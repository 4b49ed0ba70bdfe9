import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { SshConnection } from "../../../providers/ssh/session";
import { type PulumiResult, runPulumi } from "../../../toolchain/pulumi";
import { type SshServer, startSshServer } from "../../support/sshServer";
import { TemporaryHost } from "../../support/temporaryHost";
import { interruptPulumi } from "../interrupt";
import type { Plan } from "./program";

const repository = resolve(__dirname, "../../..");

/** A pretended host that is reached over SSH. */
export class RemoteHost {
  readonly files = new TemporaryHost();
  private readonly servers: SshServer[] = [];

  /** Another way in: another port, another host key, another client key. */
  async listen(): Promise<SshConnection> {
    const server = await startSshServer({
      environment: this.files.environment,
      rewrite: (command) => this.files.localise(command),
    });
    this.servers.push(server);
    const { host, port, user, privateKey, hostKey } = server;
    return { host, port, user, privateKey, hostKey };
  }

  /** How often anybody logged in. */
  get logins(): number {
    return this.servers.reduce((sum, server) => sum + server.logins(), 0);
  }

  /** Closes every way in. */
  async stopListening(): Promise<void> {
    await Promise.all(this.servers.splice(0).map((server) => server.close()));
  }

  async close(): Promise<void> {
    await this.stopListening();
    this.files.remove();
  }
}

/** A stack of the real engine, in a project of its own that shares this repository's code. */
export class TestStack {
  private readonly directory = mkdtempSync(join(tmpdir(), "crossborder-stack-"));
  private readonly planFile = join(this.directory, "plan.json");

  async create(): Promise<void> {
    for (const shared of [
      "components",
      "providers",
      "node_modules",
      "test",
      "toolchain",
      "tsconfig.json",
      "package.json",
    ]) {
      symlinkSync(join(repository, shared), join(this.directory, shared));
    }
    mkdirSync(join(this.directory, "state"));
    writeFileSync(
      join(this.directory, "Pulumi.yaml"),
      "name: host-configuration\nruntime: nodejs\nmain: index.ts\n",
    );
    const program = 'import { deploy } from "./test/engine/host/program";\ndeploy();\n';
    writeFileSync(join(this.directory, "index.ts"), program);
    this.succeeded(await this.pulumi("stack", "init", "test"));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private get environment(): NodeJS.ProcessEnv {
    return {
      PULUMI_BACKEND_URL: `file://${join(this.directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PLAN: this.planFile,
    };
  }

  pulumi(...args: string[]): Promise<PulumiResult> {
    return runPulumi(args, { cwd: this.directory, env: this.environment, quiet: true });
  }

  plan(plan: Plan): void {
    writeFileSync(this.planFile, JSON.stringify(plan));
  }

  async up(plan: Plan, ...options: string[]): Promise<string> {
    return this.succeeded(await this.tryUp(plan, ...options));
  }

  tryUp(plan: Plan, ...options: string[]): Promise<PulumiResult> {
    this.plan(plan);
    return this.pulumi("up", "--stack", "test", "--yes", "--skip-preview", ...options);
  }

  /** Starts a deployment and kills it, with all that it started, as soon as a condition holds. */
  async interruptUp(plan: Plan, when: () => boolean): Promise<void> {
    this.plan(plan);
    const args = ["up", "--stack", "test", "--yes", "--skip-preview", "--non-interactive"];
    await interruptPulumi(args, { cwd: this.directory, env: this.environment }, when);
  }

  /** Operations by resource name that a preview announces, without what stays the same. */
  async preview(plan: Plan): Promise<Record<string, string>> {
    this.plan(plan);
    const json = this.succeeded(await this.pulumi("preview", "--stack", "test", "--json"));
    const { steps } = JSON.parse(json) as { steps: { op: string; urn: string }[] };
    const changes = steps
      .filter(({ op }) => op !== "same")
      .map(({ op, urn }) => [urn.split("::").pop()!, op]);
    return Object.fromEntries(changes) as Record<string, string>;
  }

  async destroy(...options: string[]): Promise<string> {
    return this.succeeded(await this.tryDestroy(...options));
  }

  tryDestroy(...options: string[]): Promise<PulumiResult> {
    return this.pulumi("destroy", "--stack", "test", "--yes", "--skip-preview", ...options);
  }

  /** The state as it lies on disk, and as it is exported. */
  async state(): Promise<string> {
    const stored = readFileSync(
      join(this.directory, "state/.pulumi/stacks/host-configuration/test.json"),
      "utf8",
    );
    return stored + this.succeeded(await this.pulumi("stack", "export", "--stack", "test"));
  }

  private succeeded({ status, stdout, stderr }: PulumiResult): string {
    if (status !== 0) throw new Error(`pulumi failed: ${stdout}\n${stderr}`);
    return stdout;
  }
}
