import { utils } from "ssh2";
import type { CheckFailure } from "@pulumi/pulumi/provider";
import { checkProperties, nested, type Rules } from "../support/check";
import { isUnknown, reveal, type Properties } from "../support/values";

/** What of a command's output is shown while it runs. */
export const loggings = ["stdout", "stderr", "stdoutAndStderr", "none"] as const;

/** Inputs that remote and local commands have in common, after `check`. */
export interface CommandInputs {
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly triggers?: readonly unknown[];
  /** @default stdoutAndStderr */
  readonly logging?: (typeof loggings)[number];
  /** Whether a command finds the output of the one before in PULUMI_COMMAND_STDOUT and _STDERR. @default true */
  readonly addPreviousOutputInEnv?: boolean;
}

export interface LocalInputs extends CommandInputs {
  readonly dir?: string;
  /** Program and arguments that the command is appended to. @default ["/bin/sh", "-c"] */
  readonly interpreter?: readonly string[];
}

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly hostKey: string;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  readonly password?: string;
  /** How many failed attempts are forgiven; -1 for any number. */
  readonly dialErrorLimit: number;
  /** Longest wait for one attempt, in seconds. */
  readonly perDialTimeout: number;
}

export interface RemoteInputs extends CommandInputs {
  readonly connection: Connection;
}

const commandRules: Rules = {
  create: { type: "string" },
  update: { type: "string" },
  delete: { type: "string" },
  stdin: { type: "string" },
  environment: { type: "map" },
  triggers: { type: "any" },
  logging: { type: "string", oneOf: loggings },
  addPreviousOutputInEnv: { type: "boolean" },
};

const noAssets =
  "this provider leaves no files behind; use the official plugin (CROSSBORDER_PLUGINS=official)";

const localRules: Rules = {
  ...commandRules,
  dir: { type: "string" },
  interpreter: { type: "strings" },
  assetPaths: { type: "strings", refused: noAssets },
  archivePaths: { type: "strings", refused: noAssets },
};

const remoteRules: Rules = { ...commandRules, connection: { type: "any", required: true } };

const connectionRules: Rules = {
  host: { type: "string", required: true },
  port: { type: "number", atLeast: 1 },
  user: { type: "string" },
  hostKey: { type: "string", required: true },
  privateKey: { type: "string" },
  privateKeyPassword: { type: "string" },
  password: { type: "string" },
  dialErrorLimit: { type: "number", atLeast: -1 },
  perDialTimeout: { type: "number", atLeast: 0 },
  agentSocketPath: { type: "string", refused: "keys are taken from `privateKey`, not from an agent" },
  proxy: {
    type: "any",
    refused: "connect to the host itself, or use the official plugin (CROSSBORDER_PLUGINS=official)",
  },
};

/** The defaults of the official package. */
const connectionDefaults = { port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 };

/** Such names can be set in any shell, and can stand in a command that asks for them. */
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

function checkEnvironment(inputs: Properties): CheckFailure[] {
  return Object.keys(nested(inputs["environment"]) ?? {})
    .filter((name) => !variableName.test(name))
    .map((name) => ({
      property: `environment.${name}`,
      reason: `\`${name}\` cannot be the name of a variable: letters, digits and underscores only`,
    }));
}

function checkConnection(connection: Properties): CheckFailure[] {
  const failures = checkProperties(connection, connectionRules, "connection.");
  const hostKey = reveal(connection["hostKey"]);
  if (typeof hostKey === "string" && !isUnknown(hostKey) && utils.parseKey(hostKey) instanceof Error) {
    failures.push({
      property: "connection.hostKey",
      reason: "`connection.hostKey` must be a public key as in known_hosts: ssh-ed25519 AAAA…",
    });
  }
  return failures;
}

/** Checks a local command's inputs. */
export function checkLocal(inputs: Properties): CheckFailure[] {
  return [...checkProperties(inputs, localRules), ...checkEnvironment(inputs)];
}

/** Checks a remote command's inputs. */
export function checkRemote(inputs: Properties): CheckFailure[] {
  const connection = nested(inputs["connection"]);
  return [
    ...checkProperties(inputs, remoteRules),
    ...checkEnvironment(inputs),
    ...(connection ? checkConnection(connection) : []),
  ];
}

/** A connection with the defaults for what it leaves out. */
export function withConnectionDefaults(connection: Partial<Connection>): Connection {
  return { ...connectionDefaults, ...connection } as Connection;
}
