import { readFileSync } from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { LONGEST_STACK, PLAIN_NAME } from "../components/sites/naming";
import type { SshConnection } from "../providers/ssh/session";
import { settingsOf } from "./configuration";
import { missingCredentials } from "./credentials";
import { SettingsError } from "./parse";
import { warnings } from "./rules";
import type { GatewaySettings, Settings } from "./schema";

/** The settings, and what the files that they name say. */
export interface LoadedSettings extends Settings {
  /** Name of the stack, a part of the names of all that is made in clouds. */
  readonly stack: string;
  /** SSH connections by host, `<site>-<gateway>`. */
  readonly connections: Readonly<Record<string, SshConnection>>;
}

/**
 * Reads the stack's settings: the one place of the program that knows Pulumi's configuration.
 * @throws SettingsError before any resource exists.
 */
export function loadSettings(): LoadedSettings {
  const configuration = pulumi.runtime.allConfig();
  const settings = settingsOf(pulumi.getProject(), configuration);
  const stack = pulumi.getStack();
  const { connections, errors } = readConnections(settings);
  errors.push(...wrongStack(settings, stack), ...missingCredentials(settings, configuration));
  if (errors.length > 0) throw new SettingsError(errors);
  for (const warning of warnings(settings)) void pulumi.log.warn(warning);
  return { ...settings, stack, connections };
}

/** What is wrong with the stack's name, which becomes a part of names in clouds. */
function wrongStack({ sites }: Settings, stack: string): string[] {
  const made = Object.entries(sites).filter(([, { existing }]) => !existing);
  if (made.length === 0 || (PLAIN_NAME.test(stack) && stack.length <= LONGEST_STACK)) return [];
  return [
    `The stack's name is "${stack}"; with a site that is made in a cloud it must be 1 to ${LONGEST_STACK} of a-z and 0-9, ` +
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

const machine = z.object({
  host: z.string(),
  port: z.number(),
  user: z.string(),
  hostKey: z.string(),
  privateKeyFile: z.string(),
});
const inventory = z.object({ machines: z.record(z.string(), machine) });

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
    return {
      ...connection,
      privateKey: readFileSync(path.resolve(path.dirname(file), privateKeyFile), "utf8"),
    };
  } catch (error) {
    const cause =
      error instanceof z.ZodError ? "it lacks host, port, user, hostKey or privateKeyFile" : String(error);
    throw new Error(`connectionFile is "${reference}"; it must be a readable connection file: ${cause}.`, {
      cause: error,
    });
  }
}
