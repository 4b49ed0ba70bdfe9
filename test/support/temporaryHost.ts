import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { existsSync, lstatSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import {
  bootstrapCommand,
  bootstrapRequest,
  generationOf,
  INSTALLER_PATH,
} from "../../components/host/installer";
import type { BootstrapOperation } from "../../components/host/installer";
import type { Manifest } from "../../components/host/manifest";
import type { ExecResult } from "../../providers/ssh/session";

const STUBS = join(__dirname, "hostStubs");
/** What a host of Red Hat's family has beside them, and what it hasn't. */
const RED_HAT_STUBS = join(__dirname, "redHatStubs");
const DEBIAN_ONLY = ["apt-get", "dpkg-query"];
/** Tools of a gateway's daemons, and what has Python see the host's files where programs name them by absolute paths. */
const GATEWAY_STUBS = join(__dirname, "gatewayStubs");
const HOST_PYTHON = join(__dirname, "hostPython");

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

/** One JSON value as the installer prints it. */
export type Report = Readonly<Record<string, unknown>>;

/**
 * A pretended host: a directory that the installer takes for /, and systemctl, sysctl and the package tools replaced by
 * stubs that remember. See hostStubs/common.sh for what they keep.
 */
export class TemporaryHost {
  private readonly base = mkdtempSync(join(tmpdir(), "crossborder-host-"));
  readonly root = join(this.base, "root");
  private readonly state = join(this.base, "state");
  private readonly programs = join(this.base, "programs");
  /** Variables of the environment that the installer has here besides the test's own. */
  readonly variables: Record<string, string> = {};

  /** @param role A gateway has its daemons' tools too, which need to know its peer (`meet`). */
  constructor(
    private readonly family: "debian" | "redHat" = "debian",
    private readonly role: "host" | "gateway" = "host",
  ) {
    for (const path of ["etc/systemd/system", "usr/local/lib", "var/lib", "run"]) {
      mkdirSync(join(this.root, path), { recursive: true });
    }
    if (family === "redHat") this.linkPrograms();
    for (const path of ["enabled", "active", "sysctl", "journal"]) {
      mkdirSync(join(this.state, path), { recursive: true });
    }
  }

  /** Directories of programs, the first of a name counts. */
  private get stubs(): readonly string[] {
    return this.role === "gateway" ? [GATEWAY_STUBS, STUBS] : [STUBS];
  }

  /** A directory of programs without Debian's. */
  private linkPrograms(): void {
    mkdirSync(this.programs);
    const known = new Set(DEBIAN_ONLY);
    for (const directory of [RED_HAT_STUBS, ...this.stubs, ...PATH.split(":")].filter(existsSync)) {
      for (const name of readdirSync(directory)) {
        if (!known.has(name)) symlinkSync(join(directory, name), join(this.programs, name));
        known.add(name);
      }
    }
  }

  remove(): void {
    rmSync(this.base, { recursive: true, force: true });
  }

  /** Environment that makes the installer, and whatever it starts, stay on this host. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      ...this.variables,
      ...(this.role === "gateway" && {
        PYTHONPATH: HOST_PYTHON,
        PYTHONDONTWRITEBYTECODE: "1",
        // Nothing is downloaded: nobody listens there.
        https_proxy: "http://127.0.0.1:1",
      }),
      PATH: this.family === "debian" ? [...this.stubs, PATH].join(":") : this.programs,
      CROSSBORDER_ROOT: this.root,
      STUB_STATE: this.state,
    };
  }

  /** Tells a gateway's tools of its peer. @param address By which the peer knows it. */
  meet(address: string, peer: TemporaryHost, peerAddress: string): void {
    Object.assign(this.variables, {
      STUB_ADDRESS: address,
      STUB_PEER_ADDRESS: peerAddress,
      STUB_PEER_ROOT: peer.root,
      STUB_PEER_STATE: peer.state,
    });
  }

  /** Calls of a gateway's tools that no stub knows. */
  get refused(): string[] {
    const path = join(this.state, "refused");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  write(path: string, content: string | Uint8Array, mode = 0o644): void {
    mkdirSync(dirname(this.root + path), { recursive: true });
    writeFileSync(this.root + path, content);
    chmodSync(this.root + path, mode);
  }

  read(path: string): string {
    return readFileSync(this.root + path, "utf8");
  }

  exists(path: string): boolean {
    return existsSync(this.root + path);
  }

  mode(path: string): number {
    return lstatSync(this.root + path).mode & 0o7777;
  }

  /** A unit that the host has, and its state. */
  addUnit(name: string, state: { enabled: boolean; active: boolean }): void {
    this.write(`/usr/lib/systemd/system/${name}`, "");
    if (state.enabled) writeFileSync(join(this.state, "enabled", name), "");
    if (state.active) writeFileSync(join(this.state, "active", name), "");
  }

  isActive(unit: string): boolean {
    return existsSync(join(this.state, "active", unit));
  }

  isEnabled(unit: string): boolean {
    return existsSync(join(this.state, "enabled", unit));
  }

  /** A unit stops by itself. */
  kill(unit: string): void {
    rmSync(join(this.state, "active", unit), { force: true });
  }

  /** What a unit's processes have written to the journal. */
  says(unit: string, text: string): void {
    writeFileSync(join(this.state, "journal", unit), text);
  }

  setSysctl(name: string, value: string): void {
    writeFileSync(join(this.state, "sysctl", name), `${value}\n`);
  }

  sysctl(name: string): string {
    return readFileSync(join(this.state, "sysctl", name), "utf8").trim();
  }

  /** A program that no package carries, as the installer leaves one. It drops those that nothing on the host refers to. */
  addProgram(path: string, content: string): void {
    const digest = createHash("sha256").update(content).digest("hex");
    this.write(path, content, 0o755);
    this.write(`${path}.sha256`, `${digest}  ${basename(path)}\n`);
  }

  addPackage(name: string): void {
    writeFileSync(join(this.state, "packages"), `${name}\n`, { flag: "a" });
  }

  /**
   * A shell script that runs before every call of a stub, with the tool and its arguments, and $INSTALLER_PID.
   * Its failure is the call's.
   */
  hook(script: string | undefined): void {
    const path = join(this.state, "hook");
    if (script === undefined) return rmSync(path, { force: true });
    writeFileSync(path, `#!/bin/sh\ncd "$STUB_STATE"\n${script}\n`, { mode: 0o755 });
  }

  /** The calls of stubs since the last look that match, e.g. /^systemctl re/. */
  calls(matching: RegExp): string[] {
    const path = join(this.state, "log");
    const log = existsSync(path) ? readFileSync(path, "utf8") : "";
    rmSync(path, { force: true });
    return log.split("\n").filter((line) => matching.test(line));
  }

  /** A command line for a real host, with this one's path of the installer. */
  localise(command: string): string {
    return command.replaceAll(INSTALLER_PATH, this.root + INSTALLER_PATH);
  }

  /** Runs a command line as sshd would. */
  exec(command: string, stdin = ""): Promise<ExecResult> {
    return new Promise((resolve, reject) => {
      const child = spawn("/bin/sh", ["-c", command], { env: this.environment });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      child.stdout.on("data", (data: Buffer) => out.push(data));
      child.stderr.on("data", (data: Buffer) => err.push(data));
      child.stdin.on("error", () => undefined);
      child.on("error", reject);
      child.on("close", (code) =>
        resolve({
          status: code ?? 255,
          stdout: Buffer.concat(out).toString(),
          stderr: Buffer.concat(err).toString(),
        }),
      );
      child.stdin.end(stdin);
    });
  }

  /** Sends a manifest as a HostConfiguration does. */
  bootstrap(op: BootstrapOperation, manifest: Manifest, owner = "owner"): Promise<ExecResult> {
    const request = bootstrapRequest(op, owner, generationOf(manifest), manifest);
    return this.exec(bootstrapCommand("root"), request);
  }

  /** Runs the installer that a bootstrap left on this host. */
  installer(args: string): Promise<ExecResult> {
    return this.exec(`python3 ${this.root}${INSTALLER_PATH} ${args}`);
  }

  /** Everything below the root but what is the kernel's or gone after a boot, as path -> kind, mode, owner and content. */
  snapshot(): Record<string, string> {
    const found: Record<string, string> = {};
    const walk = (path: string): void => {
      for (const name of readdirSync(this.root + path)) {
        const entry = `${path}/${name}`;
        if (entry === "/run" || entry === "/sys") continue;
        const info = lstatSync(this.root + entry);
        const of = `${info.mode.toString(8)} ${info.uid}:${info.gid}`;
        if (info.isDirectory()) {
          found[entry] = `directory ${of}`;
          walk(entry);
        } else if (info.isSymbolicLink()) {
          found[entry] = `link ${readlinkSync(this.root + entry)}`;
        } else {
          found[entry] = `file ${of} ${this.read(entry)}`;
        }
      }
    };
    walk("");
    for (const kind of ["enabled", "active", "sysctl"]) {
      for (const name of readdirSync(join(this.state, kind))) {
        found[`${kind} ${name}`] = readFileSync(join(this.state, kind, name), "utf8").trim();
      }
    }
    return found;
  }
}

/** What the installer printed, provided that it succeeded. */
export function report(result: ExecResult): Report {
  if (result.status !== 0) throw new Error(`exit status ${result.status}: ${result.stderr}`);
  return JSON.parse(result.stdout) as Report;
}
