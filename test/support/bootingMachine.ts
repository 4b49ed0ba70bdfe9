import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { KEEPER_PROGRAM } from "../../components/backup/unit";
import { type ReceivedCommand, type SshServer, startSshServer } from "./sshServer";
import { TemporaryHost } from "./temporaryHost";

/** The user data that this machine obeys. What else stands in one is refused: nobody here would do it. */
const cloudConfig = z.strictObject({
  bootcmd: z.array(
    z.tuple([
      z.literal("cloud-init-per"),
      z.literal("instance"),
      z.string(),
      z.literal("sh"),
      z.literal("-c"),
      z.string(),
    ]),
  ),
  ssh_deletekeys: z.literal(true),
  ssh_keys: z.strictObject({ ecdsa_private: z.string(), ecdsa_public: z.string() }),
  write_files: z.array(
    z.strictObject({ path: z.string(), content: z.string(), permissions: z.string().regex(/^0[0-7]{3}$/) }),
  ),
  users: z.tuple([
    z.strictObject({
      name: z.string(),
      shell: z.literal("/bin/bash"),
      sudo: z.literal("ALL=(ALL) NOPASSWD:ALL"),
      lock_passwd: z.literal(true),
      ssh_authorized_keys: z.array(z.string()).min(1),
    }),
  ]),
  allow_public_ssh_keys: z.literal(false),
  disable_root: z.literal(true),
  ssh_pwauth: z.literal(false),
  packages: z.array(z.string()).optional(),
  runcmd: z.array(z.tuple([z.literal("sh"), z.literal("-c"), z.string()])).optional(),
});

/** Before each reload: waits while it is held, then remembers which keys sshd has from now on. */
const RELOAD = `if [ "$1 $2" = "systemctl reload" ]; then
  echo reload >>reloads
  while [ -e hold ] && [ "$(wc -l <reloads)" -ge "$(cat hold)" ]; do sleep 0.05; done
  sshd -T | sed -n 's/^hostkey //p' >served
fi`;

/**
 * On a gateway, as systemd would: the commands of units that only run some, in this host's files, and daemons that have from now
 * on what lies in their directories.
 */
const UNITS = `if [ "$1" = systemctl ]; then
  case $2 in
  start | restart) verb=Start ;;
  reload) verb=Reload ;;
  stop) verb=Stop ;;
  *) exit 0 ;;
  esac
  case $3 in
  strongswan.service | frr.service)
    rm -rf loaded
    mkdir -p loaded/etc
    for directory in swanctl frr; do
      [ ! -e "$CROSSBORDER_ROOT/etc/$directory" ] || cp -R "$CROSSBORDER_ROOT/etc/$directory" loaded/etc/
    done
    ;;
  esac
  unit=$CROSSBORDER_ROOT/etc/systemd/system/$3
  if grep -q '^Type=oneshot' "$unit" 2>/dev/null; then
    sed -n "s/^Exec$verb=//p" "$unit" |
      sed -e 's#^/usr/sbin/##' -e "s#^/usr/local/#$CROSSBORDER_ROOT&#" >commands
    set -e
    . ./commands
  fi
fi`;

export interface BootingMachineOptions {
  readonly family?: "debian" | "redHat";
  /** Whether its distribution's sshd reads a directory of drop-ins. @default true */
  readonly includes?: boolean;
  /** Address that it is reached at. @default 127.0.0.1 */
  readonly address?: string;
  /** A gateway has the tools of its daemons. @default host */
  readonly role?: "host" | "gateway";
  /** Programs by their paths, which it has at each configuration, in place of their downloads. @default none */
  readonly programs?: Readonly<Record<string, string>>;
}

/** A manifest comes. */
const CONFIGURATION = /json\.load\(sys\.stdin\)/;

/**
 * A pretended machine that boots from user data as cloud-init has it, and whose sshd serves the host keys that were
 * configured when it was last reloaded.
 */
export class BootingMachine {
  readonly files: TemporaryHost;
  private readonly state: string;
  private server: SshServer | undefined;
  private user = "";
  private clientKey = "";
  /** Keys that sshd has read, by their files. */
  private readonly keys = new Map<string, string>();

  constructor(private readonly options: BootingMachineOptions = {}) {
    this.files = new TemporaryHost(options.family, options.role);
    this.state = this.files.environment["STUB_STATE"]!;
  }

  /** Its first boot. @param port Where it is reached. @default the port that its sshd is told to use, or any free one */
  async boot(userData: string, port?: number): Promise<void> {
    const { family = "debian", includes = true, role = "host" } = this.options;
    const [marker, ...lines] = userData.split("\n");
    if (marker !== "#cloud-config") throw new Error("this is no user data for cloud-init");
    const config = cloudConfig.parse(JSON.parse(lines.join("\n")));
    const configuration = includes
      ? "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"
      : "HostKey /etc/ssh/ssh_host_ecdsa_key\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM yes\n";
    this.files.write("/etc/ssh/sshd_config", configuration);
    this.files.write("/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no\n");
    this.files.addUnit(family === "debian" ? "ssh.service" : "sshd.service", { enabled: true, active: true });
    for (const [, , , , , line] of config.bootcmd) this.run(line);
    this.files.write("/etc/ssh/ssh_host_ecdsa_key", config.ssh_keys.ecdsa_private, 0o600);
    this.files.write("/etc/ssh/ssh_host_ecdsa_key.pub", config.ssh_keys.ecdsa_public);
    for (const { path, content, permissions } of config.write_files) {
      this.files.write(path, content, parseInt(permissions, 8));
    }
    for (const name of config.packages ?? []) this.files.addPackage(name);
    for (const [, , line] of config.runcmd ?? []) this.run(line);
    writeFileSync(join(this.state, "served"), "/etc/ssh/ssh_host_ecdsa_key\n");
    this.files.hook(role === "gateway" ? `${RELOAD}\n${UNITS}` : RELOAD);
    const [login] = config.users;
    this.user = login.name;
    this.clientKey = login.ssh_authorized_keys[0]!;
    const told = /^Port (\d+)$/m.exec(this.files.read("/etc/ssh/sshd_config"))?.[1];
    await this.connect(port ?? (told === undefined ? undefined : Number(told)));
  }

  /** A command of its user data, as root, on its own files and no others. */
  private run(line: string): void {
    const own = line.replaceAll(/(?<![\w$}])\/etc\//g, `${this.files.root}/etc/`);
    const elsewhere = own.replaceAll(this.files.root, "").match(/(?<=^|[\s'"=])\/(?!etc\/)[a-z]+\/\S*/);
    if (elsewhere) throw new Error(`user data touches ${elsewhere[0]}: ${line}`);
    const env = { ...this.files.environment, STUB_USER: "root" };
    const { status, stderr } = spawnSync("/bin/sh", ["-c", own], { env, encoding: "utf8" });
    if (status !== 0) throw new Error(`user data: ${line}: ${stderr}`);
  }

  /** Lets clients in again. */
  async connect(port?: number): Promise<void> {
    const { files, user } = this;
    this.server = await startSshServer({
      ...{ host: this.options.address, port, user },
      clientKey: this.clientKey,
      hostKeys: () => this.served.map((path) => this.inMemory(path)),
      // As it is at each command: a gateway may meet another peer.
      get environment() {
        return { ...files.environment, STUB_USER: user };
      },
      rewrite: (command) => {
        if (CONFIGURATION.test(command)) this.addPrograms();
        return files.localise(command).replace(`python3 ${KEEPER_PROGRAM} `, "backup_keeper ");
      },
    });
  }

  private addPrograms(): void {
    for (const [path, content] of Object.entries(this.options.programs ?? {})) {
      if (!this.files.exists(path)) this.files.addProgram(path, content);
    }
  }

  /** A key that sshd has, also when its file is gone. */
  private inMemory(path: string): string {
    if (this.files.exists(path)) this.keys.set(path, this.files.read(path));
    return this.keys.get(path)!;
  }

  /** Whether it lets anybody in. */
  get booted(): boolean {
    return this.server !== undefined;
  }

  get port(): number {
    return this.server!.port;
  }

  /** How often anybody logged in. */
  get logins(): number {
    return this.server!.logins();
  }

  /** What it was sent since it lets clients in. */
  get commands(): readonly ReceivedCommand[] {
    return this.server!.commands;
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
