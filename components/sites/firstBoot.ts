import type * as pulumi from "@pulumi/pulumi";
import type { SshConnection } from "../../providers/ssh/session";

/** What a machine that doesn't exist yet is given at its first boot, and how it is reached from then on. */
export interface FirstBoot {
  /** The login that deployments use. */
  readonly user: string;
  /** The login's public key, as in authorized_keys. */
  readonly authorizedKey: pulumi.Input<string>;
  /** cloud-init's user data. A secret where it holds one. */
  readonly userData: pulumi.Input<string>;
  /** The way to the machine once it stands, with the host key that it is known to have. */
  connectionTo(machine: StandingMachine): pulumi.Output<SshConnection>;
}

export interface StandingMachine {
  /** The address to dial. */
  readonly address: pulumi.Output<string>;
  /** TCP port that sshd listens on. */
  readonly port: number;
  /** The machine itself, which has to stand before anybody dials. */
  readonly machine: pulumi.Resource;
}

/** What a host is given, by its name, e.g. `la-gw1`. */
export type FirstBootOf = (host: string) => FirstBoot;

/**
 * What new machines are given.
 * @throws Error always: this program doesn't make keys for new machines yet.
 */
export const firstBootOf: FirstBootOf = (host) => {
  throw new Error(`host ${host} can't be made: nothing gives it a key and an identity for its first boot`);
};
