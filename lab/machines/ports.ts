import { createServer, type Server } from "node:net";

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(server));
  });
}

/**
 * Finds a free loopback port.
 * @param wanted Taken when it is free.
 */
export async function freePort(wanted?: number): Promise<number> {
  const server = (wanted === undefined ? undefined : await listen(wanted)) ?? (await listen(0));
  const address = server?.address();
  if (!server || typeof address !== "object" || address === null) {
    throw new Error("no loopback port is free");
  }
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}
