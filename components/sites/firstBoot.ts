import type * as pulumi from "@pulumi/pulumi";
import type { SshConnection } from "../../providers/ssh/session";
import type { Settings } from "../../settings/schema";
import type { OsFamily } from "../host/host";

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
  /** The cloud's identifier of the machine, known once it stands: another one is another machine. */
  readonly machine: pulumi.Output<string>;
}

/** What has to be known of a machine to prepare its first boot. */
export interface FirstBootArgs {
  readonly family: OsFamily;
  /** TCP port that sshd listens on, 1 to 65535. */
  readonly sshPort: number;
}

/** Prepares a host's first boot. @param host Its name, e.g. `la-gw1`. */
export type FirstBootMaker = (
  host: string,
  args: FirstBootArgs,
  options: pulumi.ComponentResourceOptions,
) => FirstBoot;

/**
 * What new machines are given.
 * @throws Error when a site is to be made: this program doesn't make identities for new machines yet.
 */
export function firstBoots({ sites }: Pick<Settings, "sites" | "sshPrivateKey">): FirstBootMaker {
  const refuse = (what: string): never => {
    throw new Error(`${what} can't be made: nothing gives machines an identity for their first boot`);
  };
  for (const [name, { existing }] of Object.entries(sites)) if (!existing) refuse(`site ${name}`);
  return (host) => refuse(`host ${host}`);
}
