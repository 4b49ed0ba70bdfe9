import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { ENVOY, programAt } from "../../../components/host/artefacts";
import { createBootstrapKey, type SshKeyPair } from "../../../providers/identity/keys";
import { root } from "../../../toolchain/paths";
import type { PulumiResult } from "../../../toolchain/pulumi";
import {
  ADDRESSES_FILE,
  MADE_DIRECTORY,
  type MadeResource,
  madeIn,
  madeNames,
} from "../../../toolchain/standIns/made";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";
import { BootingMachine } from "../../support/bootingMachine";
import { runCommand } from "../../support/checkoutCommand";

/** Both on loopback, all of which Linux answers at. */
export const ADDRESSES = { "la-gw1": "127.88.0.11", "sg-gw1": "127.88.0.21" } as const;
export type Name = keyof typeof ADDRESSES;
export const NAMES = Object.keys(ADDRESSES) as Name[];

/** What each kernel has by itself. */
const SYSCTL = {
  "net.ipv4.ip_forward": "0",
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.all.accept_redirects": "1",
  "net.ipv4.conf.all.send_redirects": "1",
  "net.core.xfrm_acq_expires": "30",
};

/** A port that is free at both addresses. */
async function freePort(): Promise<number> {
  const listen = (host: string, port: number): Promise<{ port: number; close(): Promise<void> }> =>
    new Promise((resolve, reject) => {
      const server = createServer();
      server.on("error", reject);
      server.listen(port, host, () =>
        resolve({
          port: (server.address() as AddressInfo).port,
          close: () => new Promise((closed) => server.close(() => closed())),
        }),
      );
    });
  for (;;) {
    const first = await listen(ADDRESSES["la-gw1"], 0);
    const second = await listen(ADDRESSES["sg-gw1"], first.port).catch(() => undefined);
    await Promise.all([first.close(), second?.close()]);
    if (second) return first.port;
  }
}

/** A machine with the system that the settings name for its site. */
function gateway(name: Name): BootingMachine {
  const family = name === "la-gw1" ? "debian" : "redHat";
  const machine = new BootingMachine({
    ...{ family, role: "gateway", address: ADDRESSES[name] },
    programs: { [programAt(ENVOY)]: '#!/bin/sh\nexec envoy "$@"\n' },
  });
  if (family === "redHat") {
    machine.files.addUnit("firewalld.service", { enabled: true, active: true });
    machine.files.write("/sys/fs/selinux/enforce", "1");
  }
  for (const [key, value] of Object.entries(SYSCTL)) machine.files.setSysctl(key, value);
  return machine;
}

/** Another key than the one that was given to a machine. */
function withOtherKey(userData: string): string {
  const other: SshKeyPair = createBootstrapKey();
  const config = JSON.parse(userData.replace("#cloud-config\n", "")) as object;
  const keys = { ssh_keys: { ecdsa_private: other.privateKey, ecdsa_public: other.publicKey } };
  return `#cloud-config\n${JSON.stringify({ ...config, ...keys })}\n`;
}

/** Production on this computer: its clouds are stand-ins, and machines boot from what they were given. */
export class Production {
  readonly machines: Record<Name, BootingMachine> = {
    "la-gw1": gateway("la-gw1"),
    "sg-gw1": gateway("sg-gw1"),
  };
  private readonly directory = mkdtempSync(join(tmpdir(), "crossborder-prod-"));
  private readonly made = join(this.directory, "made");
  /** What machines were made with that are lost. */
  private readonly ofLostMachines = new Map<Name, string>();
  stack!: TemporaryStack;

  async create(): Promise<void> {
    this.introduce();
    mkdirSync(this.made);
    const given = Object.entries(ADDRESSES).map(([name, address]) => [`${name}-address`, address]);
    writeFileSync(join(this.made, ADDRESSES_FILE), JSON.stringify(Object.fromEntries(given)));
    const settings = parse(readFileSync(join(root, "Pulumi.prod.yaml"), "utf8")) as {
      config: Record<string, object>;
    };
    const { config } = settings;
    const access = { ...config["crossborder:access"], sshPort: await freePort() };
    const file = join(this.directory, "Pulumi.prod.yaml");
    writeFileSync(file, stringify({ config: { ...config, "crossborder:access": access } }));
    this.stack = await createTemporaryStack(file, { [MADE_DIRECTORY]: this.made });
  }

  async remove(): Promise<void> {
    await Promise.all(NAMES.map((name) => this.machines[name].remove()));
    this.stack?.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private introduce(): void {
    const { "la-gw1": la, "sg-gw1": sg } = this.machines;
    la.files.meet(ADDRESSES["la-gw1"], sg.files, ADDRESSES["sg-gw1"]);
    sg.files.meet(ADDRESSES["sg-gw1"], la.files, ADDRESSES["la-gw1"]);
  }

  /** Puts an empty machine in another's place. */
  async replaceMachine(name: Name): Promise<void> {
    await this.machines[name].remove();
    this.machines[name] = gateway(name);
    this.introduce();
  }

  /** A machine is gone, which its cloud still has. The one that is made in its place boots from user data of its own. */
  async loseMachine(name: Name): Promise<void> {
    this.ofLostMachines.set(name, this.userData(name)!);
    await this.replaceMachine(name);
  }

  /** What a cloud has by that name. */
  inCloud(name: string): MadeResource | undefined {
    return madeIn(this.made, name);
  }

  /** Names of all that the clouds have. */
  get everythingInClouds(): string[] {
    return madeNames(this.made);
  }

  /** The private half of the host key that a machine was given. */
  bootstrapKey(name: Name): string {
    const config = JSON.parse(this.userData(name)!.replace("#cloud-config\n", "")) as {
      ssh_keys: { ecdsa_private: string };
    };
    return config.ssh_keys.ecdsa_private;
  }

  /** The user data that a machine was made with, once it is. */
  userData(name: Name): string | undefined {
    const inputs = this.inCloud(`${name}-instance`)?.inputs;
    const metadata = inputs?.["metadata"] as Record<string, string> | undefined;
    return metadata?.["user-data"] ?? (inputs?.["userDataRaw"] as string | undefined);
  }

  /**
   * Deploys. Each machine boots as soon as its cloud has made it.
   * @param impostor Boots with another host key than it was given.
   */
  up(impostor?: Name): Promise<PulumiResult> {
    return this.booting(this.stack.pulumi("up", "--yes", "--skip-preview"), impostor);
  }

  /** Runs `npm run <args>` about the stack. Each machine boots as soon as its cloud has made it. */
  run(...args: string[]): Promise<PulumiResult> {
    return this.booting(runCommand(args, this.stack.environment));
  }

  private async booting(command: Promise<PulumiResult>, impostor?: Name): Promise<PulumiResult> {
    let over = false;
    const boot = async (name: Name): Promise<void> => {
      const machine = this.machines[name];
      if (machine.booted) return;
      const given = (): string | undefined => {
        const userData = this.userData(name);
        return userData === this.ofLostMachines.get(name) ? undefined : userData;
      };
      while (!over && given() === undefined) await new Promise((next) => setTimeout(next, 100));
      const userData = given();
      if (userData !== undefined) await machine.boot(name === impostor ? withOtherKey(userData) : userData);
    };
    const finished = command.finally(() => (over = true));
    const [result] = await Promise.all([finished, ...NAMES.map(boot)]);
    return result;
  }

  /** Sets one of the stack's settings. */
  async set(path: string, value: string): Promise<void> {
    const { status, stderr } = await this.stack.pulumi("config", "set", "--path", path, value);
    if (status !== 0) throw new Error(stderr);
  }

  /** Operations by resource name that a preview announces, without what stays the same. */
  async preview(): Promise<Readonly<Record<string, string>>> {
    const { status, stdout, stderr } = await this.stack.pulumi("preview", "--json");
    if (status !== 0) throw new Error(stdout + stderr);
    const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
    return Object.fromEntries(
      steps.filter(({ op }) => op !== "same").map(({ op, urn }) => [urn.split("::").at(-1)!, op]),
    );
  }

  /** When commands that match were sent to a machine, ms. */
  times(name: Name, command: RegExp): number[] {
    return this.machines[name].commands.filter((one) => command.test(one.command)).map(({ at }) => at);
  }

  /** How often anybody logged in to a gateway. */
  get logins(): number {
    return NAMES.reduce((sum, name) => sum + this.machines[name].logins, 0);
  }
}
