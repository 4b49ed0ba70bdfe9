import { readFileSync } from "node:fs";
import * as path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { SshConnection } from "../providers/ssh/session";
import { parseSettings, SettingsError } from "./parse";
import { warnings } from "./rules";
import type { GatewaySettings, Settings } from "./schema";

/** The settings, and what the files that they name say. */
export interface LoadedSettings extends Settings {
  /** SSH connections by host, `<site>-<gateway>`. */
  readonly connections: Readonly<Record<string, SshConnection>>;
}

/**
 * Reads the stack's settings: the one place that knows Pulumi's configuration.
 * @throws SettingsError before any resource exists.
 */
export function loadSettings(): LoadedSettings {
  const settings = settingsFrom(pulumi.runtime.allConfig(), pulumi.getProject());
  for (const warning of warnings(settings)) void pulumi.log.warn(warning);
  return settings;
}

/**
 * The settings in a stack's configuration.
 * @param config Its values as Pulumi keeps them, by their whole keys.
 * @param namespace The project's name.
 * @throws SettingsError
 */
export function settingsFrom(config: Readonly<Record<string, string>>, namespace: string): LoadedSettings {
  const prefix = `${namespace}:`;
  const raw = Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), plain(value)]),
  );
  const settings = parseSettings(raw);
  return { ...settings, connections: readConnections(settings) };
}

function readConnections(settings: Settings): Record<string, SshConnection> {
  const connections: Record<string, SshConnection> = {};
  const errors: string[] = [];
  for (const [name, site] of Object.entries(settings.sites)) {
    for (const [index, gateway] of site.existing.gateways.entries()) {
      try {
        connections[`${name}-${gateway.name}`] = connectionOf(gateway, settings.sshPrivateKey);
      } catch (error) {
        errors.push(`crossborder:sites.${name}.existing.gateways[${index}].${(error as Error).message}`);
      }
    }
  }
  if (errors.length > 0) throw new SettingsError(errors);
  return connections;
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
