import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** A line that QEMU's machine protocol sends. */
interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
  readonly QMP?: unknown;
}

/** A conversation with a running machine's QEMU. */
export interface Qmp {
  /** @throws Error with QEMU's own words when it refuses. */
  execute(command: string, args?: Record<string, unknown>): Promise<unknown>;
  /** A command of QEMU's human monitor. @throws Error with what it printed, because success prints nothing. */
  monitor(line: string): Promise<void>;
  close(): void;
}

/**
 * Opens QEMU's control socket.
 * @throws Error when nobody listens or no answer comes in time.
 */
export async function openQmp(socketPath: string, timeoutMs = 60_000): Promise<Qmp> {
  const socket: Socket = connect(socketPath);
  const waiting: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  const greeting = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    createInterface({ input: socket }).on("line", (line) => {
      const reply = JSON.parse(line) as Reply;
      if (reply.QMP) resolve();
      else if (!reply.event) waiting.shift()?.resolve(reply);
    });
  });
  socket.on("close", () => {
    for (const one of waiting.splice(0)) one.reject(new Error(`${socketPath}: QEMU ended`));
  });
  const execute = async (command: string, args?: Record<string, unknown>): Promise<unknown> => {
    let timer: NodeJS.Timeout | undefined;
    const reply = await new Promise<Reply>((resolve, reject) => {
      timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`${socketPath}: no answer to ${command} within ${timeoutMs} ms`));
      }, timeoutMs);
      waiting.push({ resolve, reject });
      socket.write(JSON.stringify({ execute: command, arguments: args }) + "\n");
    }).finally(() => clearTimeout(timer));
    if (reply.error) throw new Error(`QEMU refused ${command}: ${reply.error.desc}`);
    return reply.return;
  };
  await greeting;
  socket.removeAllListeners("error").on("error", () => socket.destroy());
  await execute("qmp_capabilities");
  return {
    execute,
    monitor: async (line) => {
      const said = await execute("human-monitor-command", { "command-line": line });
      if (typeof said === "string" && said.trim() !== "") throw new Error(`QEMU, ${line}: ${said.trim()}`);
    },
    close: () => socket.destroy(),
  };
}

/** Opens the control sockets of several machines, does something with all of them, and closes them. */
export async function withQmp<T>(
  socketPaths: readonly string[],
  work: (all: Qmp[]) => Promise<T>,
): Promise<T> {
  const all: Qmp[] = [];
  try {
    for (const socketPath of socketPaths) all.push(await openQmp(socketPath));
    return await work(all);
  } finally {
    for (const one of all) one.close();
  }
}
