import { type AddressInfo, createServer, type Socket } from "node:net";

/** A TCP port on loopback that takes connections and never says a word, as a host does that hangs. */
export interface SilentServer {
  readonly port: number;
  close(): Promise<void>;
}

/** @param port Where it listens. @default any free port */
export async function startSilentServer(port = 0): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
