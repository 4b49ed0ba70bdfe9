import { readFileSync } from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { LONGEST_STACK, PLAIN_NAME } from "../components/sites/naming";
import { publicKeyOf } from "../providers/identity/keys";
import type { SshConnection } from "../providers/ssh/session";
import { missingCredentials } from "./credentials";
import { parseSettings, SettingsError } from "./parse";
import { warnings } from "./rules";
import type { GatewaySettings, Settings } from "./schema";

/** The settings, and what the files that they name say. */
export interface ConnectedSettings extends Settings {
  /** SSH connections by host, `<site>-<gateway>`. */
  readonly connections: Readonly<Record<string, SshConnection>>;
}

/** What a deployment works with. */
export interface LoadedSettings extends ConnectedSettings {
  /** Name of the stack, a part of the names of all that is made in clouds. */
  readonly stack: string;
}

/**
 * Reads the stack's settings: the one place that knows Pulumi's configuration.
 * @throws SettingsError before any resource exists.
 */
export function loadSettings(): LoadedSettings {
  const configuration = pulumi.runtime.allConfig();
  const settings = settingsFrom(configuration, pulumi.getProject());
  const stack = pulumi.getStack();
  const errors = [...wrongStack(settings, stack), ...missingCredentials(settings, configuration)];
  if (errors.length > 0) throw new SettingsError(errors);
  for (const warning of warnings(settings)) void pulumi.log.warn(warning);
  return { ...settings, stack };
}

/**
 * The settings in a stack's configuration.
 * @param config Its values as Pulumi keeps them, by their whole keys.
 * @param namespace The project's name.
 * @throws SettingsError
 */
export function settingsFrom(config: Readonly<Record<string, string>>, namespace: string): ConnectedSettings {
  const prefix = `${namespace}:`;
  const raw = Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), plain(value)]),
  );
  const settings = parseSettings(raw);
  const { connections, errors } = readConnections(settings);
  if (errors.length > 0) throw new SettingsError(errors);
  return { ...settings, connections };
}

/** What is wrong with the stack's name, which becomes a part of names in clouds. */
function wrongStack({ sites, traffic }: Settings, stack: string): string[] {
  const made = traffic !== "off" || Object.values(sites).some(({ existing }) => !existing);
  if (!made || (PLAIN_NAME.test(stack) && stack.length <= LONGEST_STACK)) return [];
  return [
    `The stack's name is "${stack}"; with a site or a name that is made in a cloud it must be 1 to ${LONGEST_STACK} of a-z and 0-9, ` +
      "starting with a letter: it is a part of the names of what is made.",
  ];
}

function readConnections(settings: Settings): {
  connections: Record<string, SshConnection>;
  errors: string[];
} {
  const connections: Record<string, SshConnection> = {};
  const errors: string[] = [];
  for (const [name, { existing }] of Object.entries(settings.sites)) {
    for (const [index, gateway] of (existing?.gateways ?? []).entries()) {
      try {
        connections[`${name}-${gateway.name}`] = connectionOf(gateway, settings.sshPrivateKey);
      } catch (error) {
        errors.push(`crossborder:sites.${name}.existing.gateways[${index}].${(error as Error).message}`);
      }
    }
  }
  return { connections, errors };
}

/** Pulumi keeps every value as text; lists, groups, numbers and flags are JSON in it. */
function plain(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const machine = z.object({
  host: z.string(),
  port: z.number(),
  user: z.string(),
  hostKey: z.string(),
  privateKeyFile: z.string(),
});
const inventory = z.object({ machines: z.record(z.string(), machine) });

/** @throws Error when there is no private key in the file. */
function keyIn(file: string): string {
  const privateKey = readFileSync(file, "utf8");
  try {
    publicKeyOf(privateKey);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
  return privateKey;
}

/**
 * The SSH connection of a gateway, from the settings themselves or from the file that they name.
 * @throws Error, worded to follow the gateway's key, when the file can't be read or has no such machine.
 */
function connectionOf(gateway: GatewaySettings, sshPrivateKey: string | undefined): SshConnection {
  if (gateway.connection) return { ...gateway.connection, privateKey: sshPrivateKey ?? "" };
  const reference = gateway.connectionFile ?? "";
  const [file = "", name] = reference.split("#");
  try {
    const content: unknown = JSON.parse(readFileSync(path.resolve(file), "utf8"));
    const found = name === undefined ? machine.parse(content) : inventory.parse(content).machines[name];
    if (!found) throw new Error(`it has no machine ${name}`);
    const { privateKeyFile, ...connection } = found;
    return { ...connection, privateKey: keyIn(path.resolve(path.dirname(file), privateKeyFile)) };
  } catch (error) {
    const cause =
      error instanceof z.ZodError ? "it lacks host, port, user, hostKey or privateKeyFile" : String(error);
    throw new Error(`connectionFile is "${reference}"; it must be a readable connection file: ${cause}.`, {
      cause: error,
    });
  }
}
