import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { promisify } from "node:util";
import { discoveryFiles } from "../../../components/backup/envoy/files";
import { text } from "../../../components/backup/envoy/resource";
import { keeperConfiguration } from "../../../components/backup/unit";
import type { SiteBackup } from "../../../providers/probes/backupPath";
import { inputs } from "./fixtures";

const COMPONENTS = join(__dirname, "../../../components");
const KEEPER = join(COMPONENTS, "backup/keeper");

/** What the fake proxy says of itself. */
export interface Proxy {
  /** `pending`: not checked yet. */
  readonly link: boolean | "pending";
  readonly public: boolean;
  /** Connections on the backup path. */
  readonly backup: number;
  /** Whether the link was left out for connects that failed, before a health check did. */
  readonly ejected?: boolean;
  /** Whether it has the services' clusters, but was not given their endpoints yet. */
  readonly empty?: boolean;
}

export const healthy: Proxy = { link: true, public: true, backup: 0 };
export const cut: Proxy = { ...healthy, link: false };

function host(ok: boolean | "pending", connections: number, more: object = {}): object {
  return {
    health_status: {
      eds_health_status: "HEALTHY",
      ...(ok === "pending" ? { pending_active_hc: true, failed_active_health_check: true } : {}),
      ...(ok === false ? { failed_active_health_check: true } : {}),
    },
    // Envoy leaves a zero out.
    stats: [{ type: "GAUGE", name: "cx_active", ...(connections > 0 ? { value: String(connections) } : {}) }],
    ...more,
  };
}

function clusters(proxy: Proxy): object {
  const link = (index: number): object => {
    const first = host(proxy.link, 0);
    return proxy.ejected && index === 0 ? { ...first, health_status: { failed_outlier_check: true } } : first;
  };
  return {
    cluster_statuses: [
      { name: "own-postgres" },
      ...["peer-postgres", "peer-vault"].map((name, index) => ({
        name,
        ...(proxy.empty
          ? {}
          : { host_statuses: [link(index), host(true, index === 0 ? proxy.backup : 0, { priority: 1 })] }),
      })),
      { name: "public", host_statuses: [host(proxy.public, 0)] },
    ],
  };
}

/** How often the proxy took and refused what it was given, by the discovery service's name in its statistics. */
export type Updates = Readonly<Record<string, { readonly success: number; readonly rejected: number }>>;

function stats(updates: Updates): object {
  return {
    stats: Object.entries(updates).flatMap(([service, counts]) =>
      Object.entries({ ...counts, failure: 0 }).map(([name, value]) => ({
        name: `${service}.update_${name}`,
        value,
      })),
    ),
  };
}

/** The gateway of Los Angeles in a directory: a fake proxy's socket, the rendered files, and the keeper as it is installed. */
export class KeeperHost {
  readonly root = mkdtempSync(join(tmpdir(), "crossborder-backup-"));
  readonly runtime = join(this.root, "run");
  readonly templates = join(this.root, "templates");
  readonly memoryFile = join(this.root, "memory", "memory.json");
  /** What the keeper wrote to the journal. */
  log = "";
  private readonly configuration = JSON.parse(keeperConfiguration(inputs()).content) as Record<
    string,
    unknown
  >;
  private readonly configurationFile = join(this.root, "backup.json");
  private readonly stateFile = join(this.root, "state.json");
  private readonly metricsFile = join(this.root, "metrics", "crossborder_backup.prom");
  private readonly server: Server;
  private readonly environment: Record<string, string> = {};
  /** What became of the proxy's files. */
  updates: Updates = {};
  /** What the proxy has loaded, as it says it of each of its TLS contexts. */
  certificates: object[] = [];
  private answer: Proxy | "silent" = healthy;
  private child?: ChildProcessWithoutNullStreams;
  private lines?: Interface;

  constructor() {
    mkdirSync(this.runtime);
    mkdirSync(this.templates);
    for (const { name, content } of discoveryFiles(inputs()))
      writeFileSync(join(this.templates, name), text(content));
    this.configure({
      templates: this.templates,
      runtime: this.runtime,
      adminSocket: join(this.root, "admin.sock"),
      stateFile: this.stateFile,
      memoryFile: this.memoryFile,
      metricsFile: this.metricsFile,
      drainSeconds: 30,
      hold: { windowSeconds: 60, firstSeconds: 10, maxSeconds: 25 },
    });
    this.server = createServer(({ url }, response) => {
      if (this.answer === "silent") return response.destroy();
      if (url === "/certs") return response.end(JSON.stringify({ certificates: this.certificates }));
      return response.end(
        JSON.stringify(url?.startsWith("/stats?") ? stats(this.updates) : clusters(this.answer)),
      );
    });
  }

  /** Before the keeper starts. */
  configure(changes: Record<string, unknown>): void {
    Object.assign(this.configuration, changes);
    writeFileSync(this.configurationFile, JSON.stringify(this.configuration));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(join(this.root, "admin.sock"), resolve));
  }

  trust(certificateFile: string): void {
    this.environment["SSL_CERT_FILE"] = certificateFile;
  }

  private env(): Record<string, string> {
    return {
      ...this.environment,
      PATH: process.env["PATH"] ?? "",
      PYTHONDONTWRITEBYTECODE: "1",
      // On a gateway they lie in one directory.
      PYTHONPATH: [KEEPER, join(COMPONENTS, "host")].join(":"),
    };
  }

  /** One look of the keeper at this time, s. Starts the keeper where it doesn't run. @returns what it saw */
  async look(at: number, proxy: Proxy | "silent"): Promise<SiteBackup> {
    this.answer = proxy;
    if (!this.child) {
      this.child = spawn("python3", [join(__dirname, "keeper_driver.py"), this.configurationFile], {
        env: this.env(),
      });
      this.child.stderr.on("data", (data: Buffer) => (this.log += data.toString()));
      this.lines = createInterface({ input: this.child.stdout });
    }
    const done = new Promise<void>((resolve, reject) => {
      this.lines!.once("line", () => resolve());
      this.lines!.once("close", () => reject(new Error(`the keeper ended: ${this.log}`)));
    });
    this.child.stdin.write(`${1_000_000 + at}\n`);
    await done;
    this.lines!.removeAllListeners("close");
    return JSON.parse(readFileSync(this.stateFile, "utf8")) as SiteBackup;
  }

  /** The states of looks a second apart, each different one once, from a time on. */
  async states(from: number, to: number, proxy: Proxy | "silent"): Promise<string[]> {
    const seen: string[] = [];
    for (let at = from; at <= to; at++) {
      const { state } = await this.look(at, proxy);
      if (seen.at(-1) !== state) seen.push(state);
    }
    return seen;
  }

  /** Ends the keeper, as a restart does. */
  async stop(): Promise<void> {
    if (!this.child) return;
    const ended = new Promise((resolve) => this.child!.once("close", resolve));
    this.child.stdin.end();
    await ended;
    this.child = undefined;
  }

  /** What the keeper shows to a status, while the proxy answers. */
  async show(): Promise<Record<string, unknown>> {
    const args = [join(KEEPER, "backup_keeper.py"), "show", this.configurationFile];
    const { stdout } = await promisify(execFile)("python3", args, { env: this.env() });
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** Runs the keeper where it needs no proxy. */
  run(verb: "publish"): { status: number | null; stdout: string; stderr: string } {
    const program = join(KEEPER, "backup_keeper.py");
    return spawnSync("python3", [program, verb, this.configurationFile], {
      env: this.env(),
      encoding: "utf8",
    });
  }

  /** A file as the proxy has it. */
  given(name: string): string {
    return readFileSync(join(this.runtime, name), "utf8");
  }

  files(): string[] {
    return readdirSync(this.runtime).sort();
  }

  /** Replaces a template as the installer does. */
  deploy(name: string, content: string | undefined): void {
    const target = join(this.templates, name);
    if (content === undefined) return rmSync(target);
    writeFileSync(`${target}.new`, content);
    renameSync(`${target}.new`, target);
  }

  metrics(): string {
    return existsSync(this.metricsFile) ? readFileSync(this.metricsFile, "utf8") : "";
  }

  async remove(): Promise<void> {
    await this.stop();
    this.server.close();
    this.server.closeAllConnections();
    rmSync(this.root, { recursive: true, force: true });
  }
}
