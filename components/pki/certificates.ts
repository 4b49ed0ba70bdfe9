import * as pulumi from "@pulumi/pulumi";
import { CertificateAuthority } from "../../providers/certificateAuthority";
import { LeafCertificate } from "../../providers/leafCertificate";
import type { CertificateSettings } from "../../settings/schema";
import { Component } from "../component";
import { HostConfiguration } from "../host/configuration";
import type { Host } from "../host/host";
import { HostKey } from "./hostKey";
import { PKI_COMPONENT, pkiManifest } from "./manifest";
import { type CertificatePaths, certificatePaths, dnsNameOf } from "./paths";

export interface CertificatesArgs {
  /** Each gets a key, a certificate and the authorities to trust. */
  readonly hosts: readonly Host[];
  readonly certificates: CertificateSettings;
  /**
   * Group that may read the hosts' keys, e.g. that of a proxy. It is made where a host has none.
   * @default root: root alone
   */
  readonly group?: string;
}

/** A host's certificate, as deployed. Consumers depend on it by taking anything from it. */
export interface HostCertificate {
  readonly host: string;
  /** The name that it is for. */
  readonly dnsName: string;
  /** On the host. */
  readonly paths: CertificatePaths;
  /** Changes with the certificate. Known once the host has it. */
  readonly serial: pulumi.Output<string>;
  /** ISO 8601. */
  readonly notBefore: pulumi.Output<string>;
  readonly notAfter: pulumi.Output<string>;
}

/**
 * Certificates with which hosts prove who they are to each other: an authority, and for each host a key that is made
 * there, a certificate for it, and the files that a TLS server or client reads.
 */
export class Certificates extends Component {
  /** What each host was given. */
  readonly hosts: readonly HostConfiguration[];
  /** The certificate of each host, in the order of `hosts`. */
  readonly leaves: readonly HostCertificate[];
  /** Certificates of the authorities that the hosts trust, PEM. */
  readonly authorities: pulumi.Output<string>;

  constructor(name: string, args: CertificatesArgs, options?: pulumi.ComponentResourceOptions) {
    super("Certificates", name, {}, options);
    const { issue, trust } = args.certificates.authority;
    // In the order of their numbers: which of them issues doesn't change the file that names those to trust.
    const numbers = [...new Set([issue, ...trust])].sort((one, other) => one - other);
    const made = new Map(numbers.map((number) => [number, this.authority(number)]));
    const trusted = pulumi.all([...made.values()].map(({ certificate }) => certificate));
    this.authorities = trusted.apply((certificates) => certificates.join(""));

    const issued = args.hosts.map((host) => this.issue(host, made.get(issue)!, trusted, args));
    this.hosts = issued.map(({ configuration }) => configuration);
    this.leaves = issued.map(({ leaf }) => leaf);
    this.registerOutputs({ authorities: this.authorities });
  }

  /** One authority for each number that issues or is trusted; it lives as long as its number is named. */
  private authority(number: number): CertificateAuthority {
    return new CertificateAuthority(
      this.childName(`authority-${number}`),
      { commonName: `crossborder authority ${number}` },
      this.child(),
    );
  }

  private issue(
    host: Host,
    authority: CertificateAuthority,
    trusted: pulumi.Output<string[]>,
    { certificates: { generation, lifeDays }, group = "root" }: CertificatesArgs,
  ): { configuration: HostConfiguration; leaf: HostCertificate } {
    const dnsName = dnsNameOf(host.name, host.machine);
    const key = new HostKey(
      this.childName(`${host.name}-key-${generation}`),
      { host, generation },
      this.child(),
    );
    const { certificate, serial, notBefore, notAfter } = new LeafCertificate(
      this.childName(`${host.name}-leaf`),
      { authority, request: key.request, dnsName, lifeDays, hold: host.outOfService },
      this.child(),
    );
    const manifest = pulumi.all([certificate, trusted]).apply(([leaf, authorities]) =>
      pkiManifest({
        host: host.name,
        family: host.family,
        generation,
        certificate: leaf,
        authorities,
        group,
      }),
    );
    const configuration = new HostConfiguration(
      this.childName(host.name),
      { host, component: PKI_COMPONENT, manifest, phase: "apply" },
      this.child(),
    );
    const onceThere = (value: pulumi.Output<string>): pulumi.Output<string> =>
      pulumi.all([value, configuration.generation]).apply(([known]) => known);
    return {
      configuration,
      leaf: {
        host: host.name,
        dnsName,
        paths: certificatePaths(host.name),
        serial: onceThere(serial),
        notBefore: onceThere(notBefore),
        notAfter: onceThere(notAfter),
      },
    };
  }
}
