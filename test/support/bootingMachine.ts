import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SshServer, startSshServer } from "./sshServer";
import { TemporaryHost } from "./temporaryHost";

/** The part of user data that this machine obeys. */
interface CloudConfig {
  readonly ssh_keys: { readonly ecdsa_private: string; readonly ecdsa_public: string };
  readonly users: readonly [{ readonly ssh_authorized_keys: readonly [string] }];
}

/** Before each reload: waits while it is held, then remembers which keys sshd has from now on. */
const RELOAD = `if [ "$1 $2" = "systemctl reload" ]; then
  echo reload >>reloads
  while [ -e hold ] && [ "$(wc -l <reloads)" -ge "$(cat hold)" ]; do sleep 0.05; done
  sshd -T | sed -n 's/^hostkey //p' >served
fi`;

/**
 * A pretended machine that boots from user data as cloud-init has it, and whose sshd serves the host keys that were
 * configured when it was last reloaded.
 */
export class BootingMachine {
  readonly files = new TemporaryHost();
  private readonly state = this.files.environment["STUB_STATE"]!;
  private server: SshServer | undefined;
  private clientKey = "";
  /** Keys that sshd has read, by their files. */
  private readonly keys = new Map<string, string>();

  /** @param includes Whether its distribution's sshd reads a directory of drop-ins. */
  constructor(private readonly includes = true) {}

  /** Its first boot. @param port Where it is reached. @default any free port */
  async boot(userData: string, port?: number): Promise<void> {
    const [marker, ...lines] = userData.split("\n");
    if (marker !== "#cloud-config") throw new Error("this is no user data for cloud-init");
    const config = JSON.parse(lines.join("\n")) as CloudConfig;
    const configuration = this.includes
      ? "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"
      : "HostKey /etc/ssh/ssh_host_ecdsa_key\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM yes\n";
    this.files.write("/etc/ssh/sshd_config", configuration);
    this.files.write("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no\n");
    this.files.write("/etc/ssh/ssh_host_ecdsa_key", config.ssh_keys.ecdsa_private, 0o600);
    this.files.write("/etc/ssh/ssh_host_ecdsa_key.pub", config.ssh_keys.ecdsa_public);
    this.files.addUnit("ssh.service", { enabled: true, active: true });
    writeFileSync(join(this.state, "served"), "/etc/ssh/ssh_host_ecdsa_key\n");
    this.files.hook(RELOAD);
    this.clientKey = config.users[0].ssh_authorized_keys[0];
    await this.connect(port);
  }

  /** Lets clients in again. */
  async connect(port?: number): Promise<void> {
    this.server = await startSshServer({
      port,
      clientKey: this.clientKey,
      hostKeys: () => this.served.map((path) => this.inMemory(path)),
      environment: this.files.environment,
    });
  }

  /** A key that sshd has, also when its file is gone. */
  private inMemory(path: string): string {
    if (this.files.exists(path)) this.keys.set(path, this.files.read(path));
    return this.keys.get(path)!;
  }

  get port(): number {
    return this.server!.port;
  }

  /** How often anybody logged in. */
  get logins(): number {
    return this.server!.logins();
  }

  /** Files of the keys that sshd has. */
  get served(): readonly string[] {
    return readFileSync(join(this.state, "served"), "utf8").trim().split("\n");
  }

  /** sshd has other keys than it is configured to, e.g. since it wasn't reloaded. */
  serve(paths: readonly string[]): void {
    writeFileSync(join(this.state, "served"), paths.join("\n"));
  }

  /** From the nth reload of sshd on they wait before they happen. */
  hold(nth: number): void {
    writeFileSync(join(this.state, "hold"), `${nth}`);
  }

  /** Lets reloads happen. */
  release(): void {
    rmSync(join(this.state, "hold"), { force: true });
  }

  /** Reloads of sshd that began. */
  get reloads(): number {
    const path = join(this.state, "reloads");
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
  }

  /** Drops its connections, which ends what runs on it, and lets nobody in. */
  async disconnect(): Promise<void> {
    await this.server?.close();
    this.server = undefined;
  }

  async remove(): Promise<void> {
    this.release();
    await this.disconnect();
    this.files.remove();
  }
}
