import * as pulumi from "@pulumi/pulumi";
import { dynamicProvider } from "./dynamic";
import type { BootstrapKeyOutputs } from "./identity/bootstrapKeyProvider";

/**
 * The SSH host key that a machine has at its first boot, made before the machine, so that the first connection knows whom it
 * talks to. It travels in user data, which the cloud and whoever may read the machine's metadata can see; so it is used for
 * that one connection, and the machine's own key takes its place (HostIdentity).
 */
export class BootstrapHostKey extends pulumi.dynamic.Resource {
  /** PEM. A secret. */
  declare readonly privateKey: pulumi.Output<BootstrapKeyOutputs["privateKey"]>;
  /** As in known_hosts. */
  declare readonly publicKey: pulumi.Output<BootstrapKeyOutputs["publicKey"]>;

  constructor(name: string, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/identity/bootstrapKeyProvider.ts"),
      name,
      { privateKey: undefined, publicKey: undefined },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["privateKey"] }),
      "crossborder",
      "BootstrapHostKey",
    );
  }
}
