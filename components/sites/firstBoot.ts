import type * as pulumi from "@pulumi/pulumi";
import { publicKeyOf } from "../../providers/identity/keys";
import type { SshConnection } from "../../providers/ssh/session";
import type { Settings } from "../../settings/schema";
import { FirstBoot as Boot } from "../firstBoot/firstBoot";
import { FirstConnection } from "../firstBoot/firstConnection";
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
  /** Its site is out of service: nobody connects to it. */
  readonly outOfService: boolean;
  /** Number of the machine that is the host. */
  readonly machine: number;
}

/** Prepares a host's first boot. @param host Its name, e.g. `la-gw1`. */
export type FirstBootMaker = (
  host: string,
  args: FirstBootArgs,
  options: pulumi.ComponentResourceOptions,
) => FirstBoot;

/** The login that new machines get. Not root: it has sudo without a password, and its name is in every log. */
const LOGIN = "crossborder";

/**
 * What new machines are given: a host key that is known before they exist, and the deployment's login.
 * @throws Error, from the maker, without the key of that login; settings with a site in a cloud are refused without it.
 */
export function firstBoots({ sshPrivateKey }: Pick<Settings, "sshPrivateKey">): FirstBootMaker {
  return (host, { family, sshPort, outOfService, machine: number }, options) => {
    if (sshPrivateKey === undefined) throw new Error(`no private key is known for the login on ${host}`);
    const boot = new Boot(
      host,
      { family, user: LOGIN, privateKey: sshPrivateKey, sshPort, machine: number },
      options,
    );
    return {
      user: LOGIN,
      authorizedKey: publicKeyOf(sshPrivateKey),
      userData: boot.userData,
      connectionTo: ({ address, machine }) =>
        new FirstConnection(host, { firstBoot: boot, address, machine, outOfService }, options).connection,
    };
  };
}
