import { createConnection, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect } from "../../../providers/ssh/session";
import { startSshServer, type SshServer } from "../../support/sshServer";

let server: SshServer;
let silent: Server;
const sockets: Socket[] = [];

/** Passes data both ways, but never an end: to a client it is a host that lost its power after its last word. */
function startSilentProxy(port: number): Promise<Server> {
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const host = createConnection(port, "127.0.0.1");
    sockets.push(client, host);
    client.on("data", (data) => host.write(data)).on("error", () => undefined);
    host.on("data", (data) => client.write(data)).on("error", () => undefined);
  });
  return new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(proxy)));
}

beforeEach(async () => {
  server = await startSshServer();
  silent = await startSilentProxy(server.port);
});

afterEach(async () => {
  sockets.splice(0).forEach((socket) => socket.destroy());
  silent.close();
  await server.close();
});

test("a session with a host that never ends its half of the connection is let go", async () => {
  const { host, user, privateKey, hostKey } = server;
  const port = (silent.address() as AddressInfo).port;
  const session = await connect({ host, port, user, privateKey, hostKey });
  expect((await session.exec("echo here")).stdout).toBe("here\n");
  session.close();
  // A socket that is closed for good answers what still comes with a reset (RFC 9293, 3.5.2); one that waits takes it.
  const [atProxy] = sockets;
  const deadline = Date.now() + 5_000;
  while (!atProxy!.destroyed && Date.now() < deadline) {
    atProxy!.write("x");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(atProxy!.destroyed).toBe(true);
}, 20_000);

test("a command on a session that has ended is interrupted, and says so", async () => {
  const { host, port, user, privateKey, hostKey } = server;
  const session = await connect({ host, port, user, privateKey, hostKey });
  session.close();
  await expect(session.exec("echo here")).rejects.toMatchObject({ failure: "interrupted" });
}, 20_000);
