import { createHash } from "node:crypto";
import { Client, type ClientCallback, utils, type ServerHostKeyAlgorithm } from "ssh2";

/** How to reach a host over SSH. The host key is always pinned: there is no way to connect without one. */
export interface SshConnection {
  /** Name or address to dial. */
  readonly host: string;
  /** TCP port, 1 to 65535. */
  readonly port: number;
  readonly user: string;
  /** OpenSSH or PEM private key. */
  readonly privateKey: string;
  /** The host's public key as in known_hosts, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
}

/** A host whose owner wants a password, or a key that is locked with one. */
export interface SshTarget extends Omit<SshConnection, "privateKey"> {
  readonly privateKey?: string;
  /** Unlocks the private key. */
  readonly privateKeyPassword?: string;
  /** The user's password, tried after the key. */
  readonly password?: string;
}

/** What a remote command left behind. */
export interface ExecResult {
  /** Exit status; 255 when a signal ended the command. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why a host could not be talked to. */
export type SshFailure =
  "unreachable" | "host-key-mismatch" | "authentication" | "interrupted" | "timeout" | "out-of-service";

/** An SSH connection or command that did not complete. The message names the host and the cause, never a secret. */
export class SshError extends Error {
  constructor(
    readonly failure: SshFailure,
    message: string,
  ) {
    super(message);
    this.name = "SshError";
  }
}

/** One SSH connection. Commands may run one after another or at once. */
export interface Session {
  /**
   * Runs a command line.
   * @throws SshError
   */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  close(): void;
}

export interface ExecOptions {
  /** Sent to the command's standard input, which is then closed. */
  readonly stdin?: string;
  /** After this the command's channel is closed and SshError `timeout` thrown; Infinity waits. @default 60000 */
  readonly timeoutMs?: number;
  /** Variables for the command. The host ignores those that its AcceptEnv doesn't allow, without a word. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Is given the output while it comes. */
  readonly onOutput?: (stream: "stdout" | "stderr", data: Buffer) => void;
}

function fingerprint(key: Buffer): string {
  return "SHA256:" + createHash("sha256").update(key).digest("base64").replace(/=+$/, "");
}

/** An RSA key signs with SHA-2 only: servers of today refuse its old SHA-1 signatures, which bear the key's own name. */
function signatureAlgorithms(keyType: string): ServerHostKeyAlgorithm[] {
  return keyType === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [keyType as ServerHostKeyAlgorithm];
}

/**
 * Opens a connection to a host whose key is known.
 * @param options.dialTimeoutMs Longest wait for the TCP connection and the handshake together. @default 20000
 * @throws SshError
 */
export function connect(connection: SshTarget, options: { dialTimeoutMs?: number } = {}): Promise<Session> {
  const where = `${connection.host}:${connection.port}`;
  const pinned = utils.parseKey(connection.hostKey);
  if (pinned instanceof Error) {
    throw new SshError(
      "host-key-mismatch",
      `${where}: the pinned host key cannot be read: ${pinned.message}`,
    );
  }
  const pinnedKey = pinned.getPublicSSH();
  const dialTimeoutMs = options.dialTimeoutMs ?? 20_000;

  return new Promise((resolve, reject) => {
    const client = new Client();
    let offered: Buffer | undefined;
    const fail = (error: Error & { level?: string }): void => {
      client.destroy();
      if (offered && !offered.equals(pinnedKey)) {
        reject(
          new SshError(
            "host-key-mismatch",
            `${where} offered host key ${fingerprint(offered)}, but ${fingerprint(pinnedKey)} is pinned; refused`,
          ),
        );
      } else if (error.message.includes("no matching host key format")) {
        // The pinned key's type is the only one that is asked for.
        const { type } = pinned;
        reject(
          new SshError(
            "host-key-mismatch",
            `${where} has no host key of type ${type}, which is pinned; refused`,
          ),
        );
      } else if (error.level === "client-authentication") {
        reject(new SshError("authentication", `${where} refused to let user ${connection.user} in`));
      } else {
        reject(new SshError("unreachable", `${where} cannot be reached over SSH: ${error.message}`));
      }
    };
    client
      .on("error", fail)
      .on("ready", () => {
        client.removeListener("error", fail);
        let broken: Error | undefined;
        client.on("error", (error) => (broken = error));
        resolve({
          exec: (command, execOptions) => exec(client, where, command, () => broken, execOptions),
          // Not `end`: a host that is gone never closes its half, and the socket would keep this process alive.
          close: () => void client.destroy(),
        });
      })
      .connect({
        host: connection.host,
        port: connection.port,
        username: connection.user,
        privateKey: connection.privateKey,
        passphrase: connection.privateKeyPassword,
        password: connection.password,
        readyTimeout: dialTimeoutMs,
        keepaliveInterval: 10_000,
        keepaliveCountMax: 3,
        algorithms: { serverHostKey: signatureAlgorithms(pinned.type) },
        hostVerifier: (key: Buffer) => {
          offered = key;
          return key.equals(pinnedKey);
        },
      });
  });
}

function exec(
  client: Client,
  where: string,
  command: string,
  broken: () => Error | undefined,
  options: ExecOptions = {},
): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const interrupted = (): SshError =>
      new SshError(
        "interrupted",
        `${where}: the connection broke: ${broken()?.message ?? "closed by the host"}`,
      );
    const onClose = (): void => reject(interrupted());
    const onChannel: ClientCallback = (error, channel) => {
      if (error) {
        client.removeListener("close", onClose);
        reject(new SshError("interrupted", `${where}: no channel for a command: ${error.message}`));
        return;
      }
      const timeoutMs = options.timeoutMs ?? 60_000;
      const timer = Number.isFinite(timeoutMs)
        ? setTimeout(() => {
            channel.close();
            reject(new SshError("timeout", `${where}: a command did not end within ${timeoutMs} ms`));
          }, timeoutMs)
        : undefined;
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      let status: number | undefined;
      channel
        .on("data", (data: Buffer) => {
          out.push(data);
          options.onOutput?.("stdout", data);
        })
        .on("exit", (code: number | null) => (status = code ?? 255))
        .on("close", () => {
          clearTimeout(timer);
          client.removeListener("close", onClose);
          if (status === undefined) return reject(interrupted());
          resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
        });
      channel.stderr.on("data", (data: Buffer) => {
        err.push(data);
        options.onOutput?.("stderr", data);
      });
      channel.end(options.stdin ?? "");
    };
    client.once("close", onClose);
    try {
      client.exec(command, { env: options.environment }, onChannel);
    } catch {
      // So ssh2 says that the connection has ended before.
      client.removeListener("close", onClose);
      reject(interrupted());
    }
  });
}
