import { spawn } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { Server, utils, type Connection, type ServerChannel } from "ssh2";

/** A command that a client asked a test server to run. */
export interface ReceivedCommand {
  readonly command: string;
  /** The variables that the client set for it. */
  readonly environment: Readonly<Record<string, string>>;
  /** When, ms. Comparable between the servers of a process. */
  readonly at: number;
}

/** An SSH server on loopback that runs the commands it is sent, as this process's user. */
export interface SshServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The key that clients log in with. */
  readonly privateKey: string;
  /** The server's public key as in known_hosts. */
  readonly hostKey: string;
  /** Clients that logged in, ever. */
  readonly logins: () => number;
  /** Every command, in the order of their arrival. */
  readonly commands: readonly ReceivedCommand[];
  /** Ends the server, its connections and its commands. */
  close(): Promise<void>;
}

/** Keys for a test: a host key of nobody's, or a client's. */
export function generateKeys(): { privateKey: string; publicKey: string } {
  // ssh2 drops a zero byte that a key begins with, so that now and then nobody, itself included, reads what it wrote.
  for (;;) {
    const { private: privateKey, public: publicKey } = utils.generateKeyPairSync("ed25519");
    if (!(utils.parseKey(privateKey) instanceof Error)) return { privateKey, publicKey };
  }
}

/**
 * Starts a server with keys of its own.
 * @param options.host Address that it listens on. @default 127.0.0.1
 * @param options.port Where it listens. @default any free port
 * @param options.user Who logs in. @default tester
 * @param options.hostKeys Private keys to show, asked for at each connection. @default one that is made now
 * @param options.clientKey Public key that lets the user in; `privateKey` is then of no use. @default one that is made now
 * @param options.acceptEnvironment Whether it takes variables from clients, as AcceptEnv does. @default true
 * @param options.cwd Where commands run. @default this process's directory
 * @param options.password Lets the user in with this too.
 * @param options.environment Variables that commands see besides the client's.
 * @param options.rewrite Changes a command line before it runs, e.g. where paths differ from a real host's.
 */
export async function startSshServer(
  options: {
    host?: string;
    port?: number;
    user?: string;
    hostKeys?: () => readonly string[];
    clientKey?: string;
    acceptEnvironment?: boolean;
    cwd?: string;
    password?: string;
    environment?: NodeJS.ProcessEnv;
    rewrite?: (command: string) => string;
  } = {},
): Promise<SshServer> {
  const { host = "127.0.0.1", user = "tester" } = options;
  const hostKeys = generateKeys();
  const clientKeys = generateKeys();
  const clientKey = utils.parseKey(options.clientKey ?? clientKeys.publicKey);
  if (clientKey instanceof Error) throw clientKey;
  const commands: ReceivedCommand[] = [];
  const connections = new Set<Connection>();
  let logins = 0;

  const shown = options.hostKeys ?? (() => [hostKeys.privateKey]);
  const greet = (client: Connection): void => {
    connections.add(client);
    client
      .on("error", () => client.end())
      .on("close", () => connections.delete(client))
      .on("authentication", (attempt) => {
        const known =
          attempt.username === user &&
          ((attempt.method === "password" && attempt.password === options.password) ||
            (attempt.method === "publickey" &&
              attempt.key.data.equals(clientKey.getPublicSSH()) &&
              (!attempt.signature ||
                clientKey.verify(attempt.blob!, attempt.signature, attempt.hashAlgo) === true)));
        if (known) attempt.accept();
        else attempt.reject(["publickey", "password"]);
      })
      .on("ready", () => {
        logins++;
        client.on("session", (accept) => {
          const environment: Record<string, string> = {};
          accept()
            .on("env", (acceptVariable, rejectVariable, { key, val }) => {
              if (options.acceptEnvironment === false) return rejectVariable?.();
              environment[key] = val;
              acceptVariable?.();
            })
            .on("exec", (acceptExec, _reject, { command }) => {
              commands.push({ command, environment, at: performance.now() });
              const line = options.rewrite?.(command) ?? command;
              runCommand(acceptExec(), line, { ...options.environment, ...environment }, options.cwd);
            });
        });
      });
  };
  const server = createServer((socket) => {
    new Server({ hostKeys: [...shown()] }, greet).injectSocket(socket);
  });

  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  return {
    host,
    port: (server.address() as AddressInfo).port,
    user,
    privateKey: clientKeys.privateKey,
    hostKey: hostKeys.publicKey,
    logins: () => logins,
    commands,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of connections) client.end();
      }),
  };
}

function runCommand(
  channel: ServerChannel,
  command: string,
  environment: NodeJS.ProcessEnv,
  cwd: string | undefined,
): void {
  const child = spawn("/bin/sh", ["-c", command], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
  });
  // A command may end without reading what it is sent.
  child.stdin.on("error", () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  channel.on("close", () => child.kill());
  child.on("close", (status, signal) => {
    if (signal) channel.exit(signal);
    else channel.exit(status ?? 255);
    channel.end();
  });
}
