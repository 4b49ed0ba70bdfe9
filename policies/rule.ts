import type { Settings } from "../settings/schema";
import type { Inputs } from "./inputs";

/** A resource of a plan. */
export interface PlannedResource {
  /** Pulumi's type, e.g. `gcp:compute/disk:Disk`. */
  readonly type: string;
  readonly name: string;
  /** What its provider will be asked for. What isn't known yet is {@link UNKNOWN}, secrets are in the clear. */
  readonly inputs: Inputs;
  /** Whether the engine refuses to delete or replace it. */
  readonly protect: boolean;
}

/** What a rule may have to know of the stack beside a resource. */
export interface Surroundings {
  /** Whether the stack is production, see {@link isProduction}. */
  readonly production: boolean;
}

/** A rule about resources, each by itself. */
export interface ResourceRule {
  /** As the CLI shows it. */
  readonly name: string;
  /** What has to be so, in one sentence. */
  readonly description: string;
  /** One sentence for each violation, which names the resource, the property, its value and what is allowed. */
  check(resource: PlannedResource, surroundings: Surroundings): string[];
}

/**
 * A rule about the settings that all resources are made of. It says what no resource shows: the link's algorithms and the
 * gateways' own firewall are in secret manifests.
 */
export interface SettingsRule {
  readonly name: string;
  readonly description: string;
  /** One sentence for each violation, which names the setting, its value and what is allowed. */
  check(settings: Settings, surroundings: Surroundings): string[];
}

/** Whether a stack is production: its name is `prod` or starts with it, as `prod2`, `prod-eu` and `production` do. */
export function isProduction(stack: string): boolean {
  return stack.startsWith("prod");
}

/** How violations name a resource. */
export function called({ name, type }: PlannedResource): string {
  return `${name} (${type})`;
}
