import * as pulumi from "@pulumi/pulumi";
import { BootstrapKeyRetirement, HostIdentity } from "../../providers/hostIdentity";
import type { SshConnection } from "../../providers/ssh/session";
import { Component } from "../component";
import { familyOf } from "../host/families";
import type { FirstBoot } from "./firstBoot";

export interface FirstConnectionArgs {
  /** What the machine was told at its first boot. */
  readonly firstBoot: FirstBoot;
  /** Name or address by which it is reached. */
  readonly address: pulumi.Input<string>;
  /** The cloud's identifier of the machine, e.g. `instanceId`: another one is another machine. */
  readonly machine: pulumi.Input<string>;
  /** Longest wait for the machine's sshd, s. @default 600 */
  readonly deadlineSeconds?: pulumi.Input<number>;
  /** Its site is out of service: nobody connects to it, and its key stays what the state has. @default false */
  readonly outOfService?: boolean;
}

/**
 * The first connection to a machine that booted with FirstBoot's user data, pinned to its bootstrap key. The machine makes a host
 * key of its own, which is stored, and then is the only one that it serves.
 */
export class FirstConnection extends Component {
  /** How to reach the machine from now on, pinned to its own host key. Secret. Known once that is the only one. */
  readonly connection: pulumi.Output<SshConnection>;

  /** @param name The host's name, e.g. `la-gw1`. */
  constructor(name: string, args: FirstConnectionArgs, options?: pulumi.ComponentResourceOptions) {
    super("FirstConnection", name, {}, options);
    const { family, user, sshPort, privateKey, bootstrapKey } = args.firstBoot;
    const machine = {
      address: args.address,
      port: sshPort,
      user,
      privateKey,
      bootstrapKey,
      machine: args.machine,
      sshUnit: familyOf(family).units.ssh,
      deadlineSeconds: args.deadlineSeconds,
      hold: args.outOfService,
    };
    const { hostKey } = new HostIdentity(this.childName("identity"), machine, this.child());
    // A resource of its own, because the bootstrap key must not go before the state knows the machine's own.
    const retirement = new BootstrapKeyRetirement(
      this.childName("bootstrap-key-retirement"),
      { ...machine, hostKey },
      this.child(),
    );
    this.connection = pulumi.secret(
      pulumi.all([args.address, privateKey, hostKey, retirement.id]).apply(([host, clientKey, ownKey]) => ({
        host,
        port: sshPort,
        user,
        privateKey: clientKey,
        hostKey: ownKey,
      })),
    );
    this.registerOutputs({ connection: this.connection });
  }
}
