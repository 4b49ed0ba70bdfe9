import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** What a scripted server does with a query. */
export type Answer =
  | { readonly rows: readonly (readonly string[])[]; readonly tag: string }
  | { readonly severity: "ERROR" | "FATAL"; readonly sqlstate: string }
  | "hang up"
  | "say nothing";

const password = "secret";
const salt = Buffer.from("0123456789abcdef");
const iterations = 4096;

function message(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(kind, 0);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

const ready = message("Z", Buffer.from("I"));

function error(severity: string, sqlstate: string): Buffer {
  return message("E", Buffer.from(`S${severity}\0V${severity}\0C${sqlstate}\0Mrefused\0\0`));
}

function dataRow(values: readonly string[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(values.length);
  const cells = values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]);
  return message("D", Buffer.concat([count, ...cells]));
}

/** The server's half of SCRAM-SHA-256 (RFC 5802), for one session. */
class Authentication {
  private authMessage = "";

  /** @param knowsPassword Whether it can prove that it knows the client's password. */
  constructor(private readonly knowsPassword: boolean) {}

  first(clientFirst: string): Buffer {
    const bare = clientFirst.slice(clientFirst.indexOf("n=,"));
    const nonce = `${/r=(.*)$/.exec(bare)![1]}server`;
    const challenge = `r=${nonce},s=${salt.toString("base64")},i=${iterations}`;
    this.authMessage = `${bare},${challenge},c=biws,r=${nonce}`;
    return message("R", Buffer.concat([int32(11), Buffer.from(challenge)]));
  }

  /** @returns undefined when the client's proof is wrong. */
  final(clientFinal: string): Buffer | undefined {
    const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
    const mac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
    const stored = createHash("sha256").update(mac(salted, "Client Key")).digest();
    const signature = mac(stored, this.authMessage);
    const proof = Buffer.from(/p=(.*)$/.exec(clientFinal)![1]!, "base64");
    const key = Buffer.from(proof.map((byte, index) => byte ^ signature[index]!));
    if (!createHash("sha256").update(key).digest().equals(stored)) return undefined;
    const own = this.knowsPassword ? mac(mac(salted, "Server Key"), this.authMessage) : Buffer.alloc(32);
    return message("R", Buffer.concat([int32(12), Buffer.from(`v=${own.toString("base64")}`)]));
  }
}

function serve(socket: Socket, knowsPassword: boolean, answer: (sql: string) => Answer): void {
  const authentication = new Authentication(knowsPassword);
  let buffer = Buffer.alloc(0);
  let state: "start" | "first" | "final" | "open" = "start";
  const take = (): void => {
    const head = state === "start" ? 0 : 1;
    if (buffer.length < head + 4) return;
    const length = head + buffer.readInt32BE(head);
    if (buffer.length < length) return;
    const body = buffer.subarray(head + 4, length);
    buffer = buffer.subarray(length);
    if (state === "start") {
      state = "first";
      socket.write(message("R", Buffer.concat([int32(10), Buffer.from("SCRAM-SHA-256\0\0")])));
    } else if (state === "first") {
      state = "final";
      socket.write(authentication.first(body.toString()));
    } else if (state === "final") {
      state = "open";
      const proof = authentication.final(body.toString());
      if (!proof) return void socket.end(error("FATAL", "28P01"));
      const parameter = message("S", Buffer.from("standard_conforming_strings\0on\0"));
      socket.write(Buffer.concat([proof, message("R", int32(0)), parameter, ready]));
    } else {
      const said = answer(body.subarray(0, -1).toString());
      if (said === "hang up") return void socket.destroy();
      if (said === "say nothing") return;
      if ("severity" in said) {
        socket.write(error(said.severity, said.sqlstate));
        if (said.severity === "FATAL") return void socket.end();
        socket.write(ready);
      } else {
        socket.write(
          Buffer.concat([...said.rows.map(dataRow), message("C", Buffer.from(`${said.tag}\0`)), ready]),
        );
      }
    }
    take();
  };
  socket.on("error", () => socket.destroy());
  socket.on("data", (data: Buffer) => {
    buffer = Buffer.concat([buffer, data]);
    take();
  });
}

/** A server that speaks as much of PostgreSQL's protocol as the drills' client, and answers by a script. */
export class PostgresServer {
  readonly password = password;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(
    answer: (sql: string) => Answer,
    options = { knowsPassword: true },
  ): Promise<PostgresServer> {
    const server = createServer();
    const self = new PostgresServer(server);
    server.on("connection", (socket) => {
      self.sockets.add(socket);
      socket.on("close", () => self.sockets.delete(socket));
      serve(socket, options.knowsPassword, answer);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return self;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
