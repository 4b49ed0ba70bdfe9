import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { agentConfiguration } from "../../../components/ha/agent";
import type { HaSettings } from "../../../settings/schema";
import { type LinkView } from "../../../components/link/ends";
import { haSettings, inputs } from "./fixtures";

const COMPONENTS = join(__dirname, "../../../components");
const AGENT = join(COMPONENTS, "ha/agent");

/** What the gateway's kernel says. */
export interface World {
  /** Whether the service address is on the loopback. */
  readonly held: boolean;
  /** Number of the link's device; null when it is gone. */
  readonly device: number | null;
  /** Whether the peer's range is routed over the link. */
  readonly link: boolean;
}

export const calm: World = { held: false, device: 7, link: true };

/** What the other site's agent does when it is asked. */
export type Peer = "serve" | "proxy" | "silent";

/** A port that nobody has just now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A gateway of a pair in a directory: fakes of proxy, peer and systemctl, and the agent as it is installed. */
export class AgentHost {
  readonly root = mkdtempSync(join(tmpdir(), "crossborder-ha-"));
  readonly directory = join(this.root, "run");
  readonly proxyDirectory = join(this.root, "proxy");
  readonly pinFile = join(this.root, "pin", "pin.json");
  log = "";
  /** Whether the proxy answers that it is ready. */
  proxy = true;
  peer: Peer = "silent";
  asked = 0;
  private readonly metricsFile = join(this.root, "metrics", "crossborder_ha.prom");
  private readonly configurationFile = join(this.root, "ha.json");
  private readonly configuration: Record<string, unknown>;
  private readonly environment: Record<string, string> = {};
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private child?: ChildProcessWithoutNullStreams;
  private lines?: Interface;

  constructor(view: LinkView, set: Partial<HaSettings> = {}) {
    const rendered = agentConfiguration(inputs(view, { ha: haSettings(set) })).content;
    const moved = rendered
      .replaceAll("/run/crossborder-proxy/", `${this.proxyDirectory}/`)
      .replaceAll("/run/crossborder-ha", this.directory)
      .replaceAll("/var/lib/crossborder/ha-pin", join(this.root, "pin"));
    this.configuration = { ...(JSON.parse(moved) as Record<string, unknown>), metricsFile: this.metricsFile };
    mkdirSync(this.directory);
    mkdirSync(this.proxyDirectory);
    mkdirSync(join(this.root, "bin"));
    const systemctl = join(this.root, "bin", "systemctl");
    writeFileSync(systemctl, `#!/bin/sh\necho "$@" >>"${this.root}/systemctl.log"\n`);
    chmodSync(systemctl, 0o755);
  }

  async listen(): Promise<void> {
    const serve = async (at: string | number, answer: (socket: Socket) => void): Promise<void> => {
      const server = createServer((socket) => {
        this.sockets.add(socket);
        socket.on("error", () => undefined);
        answer(socket);
      });
      this.servers.push(server);
      await new Promise<void>((resolve) =>
        typeof at === "string" ? server.listen(at, resolve) : server.listen(at, "127.0.0.1", resolve),
      );
    };
    const peerPort = await freePort();
    this.configure({ peerPort, statePort: await freePort() });
    await serve(this.configuration["adminSocket"] as string, (socket) =>
      socket.once("data", () =>
        socket.end(`HTTP/1.1 ${this.proxy ? "200 OK" : "503 Service Unavailable"}\r\n\r\n`),
      ),
    );
    await serve(peerPort, (socket) => {
      this.asked++;
      if (this.peer === "silent") socket.destroy();
      else socket.write(JSON.stringify({ site: "elsewhere", role: this.peer }) + "\n");
    });
  }

  configure(changes: Record<string, unknown>): void {
    Object.assign(this.configuration, changes);
    writeFileSync(this.configurationFile, JSON.stringify(this.configuration));
  }

  trust(certificateFile: string): void {
    this.environment["SSL_CERT_FILE"] = certificateFile;
  }

  private env(): Record<string, string> {
    return {
      ...this.environment,
      PATH: `${join(this.root, "bin")}:${process.env["PATH"]}`,
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONPATH: [AGENT, join(COMPONENTS, "host")].join(":"),
    };
  }

  /** keepalived says its state. */
  say(state: string): void {
    writeFileSync(join(this.directory, "vrrp.json"), JSON.stringify({ state, priority: 100, uptime: 1 }));
  }

  /** One step of the agent at this uptime, s. Starts the agent where it doesn't run. */
  async step(uptime: number, world: World = calm): Promise<{ asking: boolean }> {
    if (!this.child) {
      this.child = spawn("python3", [join(__dirname, "agent_driver.py"), this.configurationFile], {
        env: this.env(),
      });
      this.child.stderr.on("data", (data: Buffer) => (this.log += data.toString()));
      this.lines = createInterface({ input: this.child.stdout });
    }
    const done = new Promise<string>((resolve, reject) => {
      this.lines!.once("line", resolve);
      this.lines!.once("close", () => reject(new Error(`the agent ended: ${this.log}`)));
    });
    this.child.stdin.write(JSON.stringify({ uptime, ...world }) + "\n");
    const line = await done;
    this.lines!.removeAllListeners("close");
    return JSON.parse(line) as { asking: boolean };
  }

  /** Ends the agent, as a restart does. */
  async stop(): Promise<void> {
    if (!this.child) return;
    const ended = new Promise((resolve) => this.child!.once("close", resolve));
    this.child.stdin.end();
    await ended;
    this.child = undefined;
  }

  /** Runs one of the agent's other verbs. */
  run(verb: string, ...words: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync("python3", [join(AGENT, "ha_agent.py"), verb, this.configurationFile, ...words], {
      env: this.env(),
      encoding: "utf8",
    });
  }

  /** What the agent's own state file says. */
  state(): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.directory, "state.json"), "utf8")) as Record<string, unknown>;
  }

  /** Name of the proxy's listener that connections to PostgreSQL at the address are given to. */
  chosen(): string | undefined {
    const path = join(this.proxyDirectory, "choice-vip-postgres.json");
    if (!existsSync(path)) return undefined;
    return /"server_listener_name": "([^"]+)"/.exec(readFileSync(path, "utf8"))?.[1];
  }

  file(name: string): string | undefined {
    const path = join(this.directory, name);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  }

  /** What the agent says to the other site's. */
  async answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.configuration["statePort"] as number, "127.0.0.1");
      socket.on("error", reject);
      socket.once("data", (data) => {
        socket.end();
        resolve(JSON.parse(data.toString()));
      });
    });
  }

  systemctl(): string {
    const path = join(this.root, "systemctl.log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  metrics(): string {
    return existsSync(this.metricsFile) ? readFileSync(this.metricsFile, "utf8") : "";
  }

  async remove(): Promise<void> {
    await this.stop();
    for (const socket of this.sockets) socket.destroy();
    for (const server of this.servers) server.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
