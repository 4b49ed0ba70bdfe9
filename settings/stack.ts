import { z } from "zod";
import { runPulumi } from "../toolchain/pulumi";
import { type ConnectedSettings, settingsFrom } from "./load";

/** A change of a stack's settings. Without a value, the key is removed. */
export interface SettingChange {
  /** As `pulumi config set --path` wants it. */
  readonly path: string;
  readonly value?: number;
}

/** The stack's settings by their keys without the namespace, as they are written: defaults are left out. */
export type WrittenSettings = Readonly<Record<string, unknown>>;

const NAMESPACE = "crossborder";
const config = z.record(z.string(), z.object({ value: z.string(), objectValue: z.unknown().optional() }));

/** A stack's settings from outside of a deployment: read and changed through the CLI. */
export class StackSettings {
  /** @param file The settings file. @default the stack's own */
  constructor(
    private readonly stack: string,
    private readonly file?: string,
  ) {}

  /** Options of every command of the CLI that is about these settings. */
  get options(): string[] {
    return ["--stack", this.stack, ...(this.file === undefined ? [] : ["--config-file", this.file])];
  }

  private async pulumi(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await runPulumi([...args, ...this.options], { quiet: true });
    if (status !== 0) throw new Error(`pulumi ${args[0]} failed:\n${stderr || stdout}`);
    return stdout;
  }

  /** Groups of settings as they are written. No secret is among them. */
  async written(): Promise<WrittenSettings> {
    const read = z
      .record(z.string(), z.object({ objectValue: z.unknown().optional() }))
      .parse(JSON.parse(await this.pulumi("config", "--json")));
    return Object.fromEntries(
      Object.entries(read)
        .filter(([key]) => key.startsWith(`${NAMESPACE}:`))
        .map(([key, { objectValue }]) => [key.slice(NAMESPACE.length + 1), objectValue]),
    );
  }

  /** All settings, checked, with secrets. @throws SettingsError */
  async load(): Promise<ConnectedSettings> {
    const read = config.parse(JSON.parse(await this.pulumi("config", "--json", "--show-secrets")));
    return settingsFrom(
      Object.fromEntries(Object.entries(read).map(([key, { value }]) => [key, value])),
      NAMESPACE,
    );
  }

  async change({ path, value }: SettingChange): Promise<void> {
    if (value === undefined) await this.pulumi("config", "rm", "--path", path);
    else await this.pulumi("config", "set", "--path", path, String(value));
  }

  /** Deploys them, showing what Pulumi says. @returns whether it succeeded */
  async deploy(): Promise<boolean> {
    const { status } = await runPulumi(["up", "--yes", "--skip-preview", ...this.options]);
    return status === 0;
  }
}
