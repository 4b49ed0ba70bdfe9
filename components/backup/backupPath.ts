import * as pulumi from "@pulumi/pulumi";
import type { BackupSettings, HealthSettings } from "../../settings/schema";
import { Component } from "../component";
import { HostConfiguration } from "../host/configuration";
import type { Host } from "../host/host";
import type { CrossBorderLink } from "../link/crossBorderLink";
import type { LinkEnd } from "../link/ends";
import type { Certificates, HostCertificate } from "../pki/certificates";
import { BACKUP_COMPONENT, backupManifest } from "./manifest";
import type { ProxyPart } from "./proxy";
import type { Service } from "./service";

export interface BackupPathArgs {
  /** The link that it stands in for; its gateways get the proxies, and its firewall admits them. */
  readonly link: CrossBorderLink;
  /** Certificates of the link's gateways, readable for the proxy's group (`TLS_GROUP`). */
  readonly certificates: Certificates;
  readonly services: readonly Service[];
  readonly backup: BackupSettings;
  /** What another component has in the proxy of a site's gateway. @default nothing */
  readonly part?: (site: string) => ProxyPart;
  readonly health: Pick<HealthSettings, "textfileDirectory">;
  /** Called by the gateways when the backup path's state changes. A secret. */
  readonly webhook?: pulumi.Input<string>;
}

/** One gateway with what is known of it. */
interface Gateway {
  readonly host: Host;
  readonly end: pulumi.Output<LinkEnd>;
  readonly certificate: HostCertificate;
}

/**
 * The sites' services for each other, over the link, and while the link is down between the public addresses: a proxy on each
 * gateway that changes paths by itself, and a keeper that holds, drains and tells.
 */
export class BackupPath extends Component {
  /** What each gateway was given. */
  readonly hosts: readonly HostConfiguration[];

  constructor(name: string, args: BackupPathArgs, options?: pulumi.ComponentResourceOptions) {
    super("BackupPath", name, {}, options);
    const { link } = args;
    const ends = [link.primary, link.secondary];
    const [primary, secondary] = link.hosts.map(({ host }, index): Gateway => {
      const certificate = args.certificates.leaves.find((leaf) => leaf.host === host.name);
      if (!certificate) throw new Error(`gateway ${host.name} has no certificate for the backup path`);
      return { host, end: ends[index]!, certificate };
    }) as [Gateway, Gateway];
    this.hosts = [this.apply(args, primary, secondary), this.apply(args, secondary, primary)];
    this.registerOutputs({});
  }

  private apply(args: BackupPathArgs, local: Gateway, peer: Gateway): HostConfiguration {
    const { services, backup, health, part } = args;
    const manifest = pulumi.all([local.end, peer.end, args.webhook]).apply(([localEnd, peerEnd, webhook]) =>
      backupManifest({
        view: { local: localEnd, peer: peerEnd },
        services,
        backup,
        health,
        certificate: local.certificate.paths,
        peerName: peer.certificate.dnsName,
        parts: part && [part(localEnd.site)],
        webhook,
      }),
    );
    return new HostConfiguration(
      this.childName(local.host.name),
      { host: local.host, component: BACKUP_COMPONENT, manifest, phase: "apply" },
      // The proxy's parser reads the certificate's files, and its peer's firewall has to admit it.
      this.child({ dependsOn: [args.link, args.certificates] }),
    );
  }
}
