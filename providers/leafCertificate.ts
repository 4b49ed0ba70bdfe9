import * as pulumi from "@pulumi/pulumi";
import { dynamicProvider } from "./dynamic";

export interface LeafCertificateArgs {
  /** Who issues it. Its key is kept as a secret. */
  readonly authority: {
    readonly certificate: pulumi.Input<string>;
    readonly privateKey: pulumi.Input<string>;
  };
  /** PKCS#10, PEM, signed with a key on P-256. Only its public key is taken; a new one means a new certificate. */
  readonly request: pulumi.Input<string>;
  /** Becomes the subject and the only alternative name: a DNS name of at most 64 characters. */
  readonly dnsName: pulumi.Input<string>;
  /** @default 90 */
  readonly lifeDays?: pulumi.Input<number>;
  /** Keeps the certificate as it is, expired or not, for a host that is out of service. @default false */
  readonly hold?: boolean;
}

/**
 * A host's certificate for mutual TLS. Any deployment renews it once less than a third of its life is left, and previews
 * show that. It is never replaced, only updated; deleting it revokes nothing.
 */
export class LeafCertificate extends pulumi.dynamic.Resource {
  /** The chain as a TLS server sends it, PEM. */
  declare readonly certificate: pulumi.Output<string>;
  /** Hexadecimal. */
  declare readonly serial: pulumi.Output<string>;
  /** ISO 8601. */
  declare readonly notBefore: pulumi.Output<string>;
  declare readonly notAfter: pulumi.Output<string>;

  constructor(name: string, args: LeafCertificateArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/pki/leafProvider.ts"),
      name,
      {
        authorityCertificate: args.authority.certificate,
        authorityKey: pulumi.secret(args.authority.privateKey),
        request: args.request,
        dnsName: args.dnsName,
        lifeDays: args.lifeDays ?? 90,
        ...(args.hold && { hold: true }),
        certificate: undefined,
        serial: undefined,
        notBefore: undefined,
        notAfter: undefined,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["authorityKey"] }),
      "crossborder",
      "LeafCertificate",
    );
  }
}
