import * as pulumi from "@pulumi/pulumi";
import { dynamicProvider } from "./dynamic";

/** How a machine is reached for the first time, by the key that its user data gave it. */
export interface FirstConnectionArgs {
  /** Name or address to dial. */
  readonly address: pulumi.Input<string>;
  /** TCP port that sshd listens on, 1 to 65535. */
  readonly port: pulumi.Input<number>;
  /** Logs in, and is root by sudo without a password. */
  readonly user: pulumi.Input<string>;
  /** OpenSSH or PEM. Kept as a secret. */
  readonly privateKey: pulumi.Input<string>;
  /** The public half of the machine's bootstrap key, as in known_hosts. */
  readonly bootstrapKey: pulumi.Input<string>;
  /** The cloud's identifier of the machine. Another one is another machine, which is then asked for its key. */
  readonly machine: pulumi.Input<string>;
  /** sshd's systemd unit, e.g. `ssh.service`. */
  readonly sshUnit: pulumi.Input<string>;
  /** Longest wait for the machine's sshd, s. @default 600 */
  readonly deadlineSeconds?: pulumi.Input<number>;
  /** Connects to nobody and keeps what is known, for a machine that is out of service. @default false */
  readonly hold?: boolean;
}

/** Machines of clouds boot within a minute or two; an emulated or a very small one takes several. */
const DEADLINE_SECONDS = 600;

function inputsOf({ hold, ...args }: FirstConnectionArgs): pulumi.Inputs {
  return {
    ...args,
    ...(hold && { hold }),
    privateKey: pulumi.secret(args.privateKey),
    deadlineSeconds: args.deadlineSeconds ?? DEADLINE_SECONDS,
  };
}

/**
 * A machine's own SSH host key, made on it over a connection that is pinned to its bootstrap key. The machine serves both
 * until a BootstrapKeyRetirement, which takes `hostKey` from here and so comes when it is stored. Another `machine` is an
 * update. Deleting it leaves the machine as it is.
 */
export class HostIdentity extends pulumi.dynamic.Resource {
  /** As in known_hosts, `ssh-ed25519 AAAA…`. Of a machine that was held since it was made, the bootstrap key. */
  declare readonly hostKey: pulumi.Output<string>;

  constructor(name: string, args: FirstConnectionArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/identity/hostIdentityProvider.ts"),
      name,
      { ...inputsOf(args), hostKey: undefined },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["privateKey"] }),
      "crossborder",
      "HostIdentity",
    );
  }
}

/** From here on a machine serves its own host key alone; the bootstrap key is deleted there. */
export class BootstrapKeyRetirement extends pulumi.dynamic.Resource {
  constructor(
    name: string,
    args: FirstConnectionArgs & {
      /** The machine's own key, of its HostIdentity. */
      readonly hostKey: pulumi.Input<string>;
    },
    opts?: pulumi.CustomResourceOptions,
  ) {
    super(
      dynamicProvider("providers/identity/retirementProvider.ts"),
      name,
      inputsOf(args),
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["privateKey"] }),
      "crossborder",
      "BootstrapKeyRetirement",
    );
  }
}
