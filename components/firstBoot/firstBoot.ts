import * as pulumi from "@pulumi/pulumi";
import { BootstrapHostKey } from "../../providers/bootstrapHostKey";
import { publicKeyOf } from "../../providers/identity/keys";
import { Component } from "../component";
import type { OsFamily } from "../host/host";
import { renderUserData } from "./userData";

export interface FirstBootArgs {
  readonly family: OsFamily;
  /** User that is made on the machine, and that the deployment logs in as. Not root. */
  readonly user: string;
  /** The key that the deployment logs in with, OpenSSH or PEM without a passphrase. Its public half goes to the machine. */
  readonly privateKey: pulumi.Input<string>;
  /**
   * Public keys of operators that may log in as the same user, as in authorized_keys.
   * @default none
   */
  readonly authorizedKeys?: readonly string[];
  /** TCP port that sshd listens on, 1 to 65535. @default 22 */
  readonly sshPort?: number;
  /** Number of the machine that is the host: each has a bootstrap key of its own. @default 1 */
  readonly machine?: number;
}

/**
 * What a machine needs before it exists: a host key by which it is known at its first boot, and user data that carries it.
 *
 * User data is read at the first boot only. A machine takes it with `ignoreChanges`, so that a change of it never replaces
 * one; whatever may change later is the host configuration's business.
 */
export class FirstBoot extends Component {
  readonly family: OsFamily;
  readonly user: string;
  readonly sshPort: number;
  /** Secret. */
  readonly privateKey: pulumi.Output<string>;
  /** For cloud-init. A secret. */
  readonly userData: pulumi.Output<string>;
  /** The public half of the host key that the machine boots with, as in known_hosts. */
  readonly bootstrapKey: pulumi.Output<string>;

  /** @param name The host's name, e.g. `la-gw1`. */
  constructor(name: string, args: FirstBootArgs, options?: pulumi.ComponentResourceOptions) {
    super("FirstBoot", name, {}, options);
    const { family, user, authorizedKeys = [], sshPort = 22, machine = 1 } = args;
    const key = new BootstrapHostKey(
      this.childName("bootstrap-key"),
      this.child({ replacementTrigger: machine }),
    );
    this.family = family;
    this.user = user;
    this.sshPort = sshPort;
    this.privateKey = pulumi.secret(args.privateKey);
    this.bootstrapKey = key.publicKey;
    this.userData = pulumi.secret(
      pulumi
        .all([key.privateKey, key.publicKey, this.privateKey])
        .apply(([privateKey, publicKey, clientKey]) =>
          renderUserData({
            family,
            user,
            authorizedKeys: [publicKeyOf(clientKey), ...authorizedKeys],
            sshPort,
            bootstrapKey: { privateKey, publicKey },
          }),
        ),
    );
    this.registerOutputs({ userData: this.userData, bootstrapKey: this.bootstrapKey });
  }
}
