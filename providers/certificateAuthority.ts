import * as pulumi from "@pulumi/pulumi";
import { dynamicProvider } from "./dynamic";
import type { AuthorityOutputs } from "./pki/authorityProvider";

export interface CertificateAuthorityArgs {
  /** Names it in messages, 1 to 64 printable ASCII characters. Another name is another authority, with another key. */
  readonly commonName: pulumi.Input<string>;
}

/**
 * A certificate authority that exists in the state alone: its key is a secret output. To replace one without
 * interruption, make a second one beside it, trust both, let the new one issue, and drop the old one.
 */
export class CertificateAuthority extends pulumi.dynamic.Resource {
  /** PEM. */
  declare readonly certificate: pulumi.Output<AuthorityOutputs["certificate"]>;
  /** PKCS#8, PEM. A secret. */
  declare readonly privateKey: pulumi.Output<AuthorityOutputs["privateKey"]>;
  /** ISO 8601. */
  declare readonly notBefore: pulumi.Output<string>;
  declare readonly notAfter: pulumi.Output<string>;

  constructor(name: string, args: CertificateAuthorityArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/pki/authorityProvider.ts"),
      name,
      {
        commonName: args.commonName,
        certificate: undefined,
        privateKey: undefined,
        notBefore: undefined,
        notAfter: undefined,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["privateKey"] }),
      "crossborder",
      "CertificateAuthority",
    );
  }
}
