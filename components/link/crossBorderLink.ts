import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { LinkFacts } from "../../providers/probes/facts";
import { addressAt } from "../../settings/ipv4";
import type { GateSettings, HealthSettings, LinkSettings } from "../../settings/schema";
import { Component } from "../component";
import { HostConfiguration } from "../host/configuration";
import type { Host } from "../host/host";
import type { Manifest } from "../host/manifest";
import { TwoPhaseCommit } from "../host/twoPhaseCommit";
import type { Site } from "../sites/site";
import { GRE_DEVICE, type LinkEnd, type LinkView, type ServiceAddress } from "./ends";
import type { BackupPorts } from "./firewall/nftables";
import { type PreSharedKeys, SECRETS_FILE } from "./ipsec/swanctl";
import { LINK_COMPONENT, linkManifest } from "./manifest";

/** Bytes of a pre-shared key: 256 bits, as strong as the strongest cipher it protects. */
const PSK_BYTES = 32;

export interface CrossBorderLinkArgs {
  /** The site whose gateway starts IKE. */
  readonly primary: Site;
  readonly secondary: Site;
  readonly link: LinkSettings;
  /** The limits of a healthy link. */
  readonly gate: Pick<GateSettings, "budgetMs" | "lossLimitPercent">;
  readonly health: HealthSettings;
  /** IPv4 ranges that SSH to the gateways may come from. */
  readonly sshFrom: readonly string[];
  /** Port that sshd listens on, on the gateways. */
  readonly sshPort: number;
  /** Called by the gateways when the link's state changes. A secret. */
  readonly webhook?: pulumi.Input<string>;
  /** The address that both sites answer at, which the firewall and BGP have to admit; none without a pair. */
  readonly vip?: ServiceAddress;
  /** What the firewall admits for the backup path. @default nothing: the backup path is off */
  readonly backup?: BackupPorts;
}

/**
 * The private link between two sites: GRE inside IPsec, eBGP and BFD over it, and a firewall that lets nothing past it.
 *
 * Both gateways stage and check their files, then both commit, and a change that doesn't bring the link up again undoes
 * itself on both.
 */
export class CrossBorderLink extends Component {
  readonly name: string;
  /** The GRE device, by the same name on both gateways. */
  readonly device = GRE_DEVICE;
  /** The end that starts IKE. */
  readonly primary: pulumi.Output<LinkEnd>;
  readonly secondary: pulumi.Output<LinkEnd>;
  /** What must be known of the link to measure it. Secret, for the connections in it. */
  readonly facts: pulumi.Output<LinkFacts>;
  /** Changes whenever the link's configuration does. */
  readonly fingerprint: pulumi.Output<string>;
  /** What each gateway that carries the link was given. */
  readonly hosts: readonly HostConfiguration[];

  constructor(name: string, args: CrossBorderLinkArgs, options?: pulumi.ComponentResourceOptions) {
    super("CrossBorderLink", name, {}, options);
    this.name = name;
    const keys = this.preSharedKeys(args.link.ipsec.psk);
    const ends = [this.end(args.primary, args, true), this.end(args.secondary, args, false)] as const;
    const [primary, secondary] = ends;
    this.primary = primary.end;
    this.secondary = secondary.end;
    this.hosts = [this.stage(args, primary, secondary, keys), this.stage(args, secondary, primary, keys)];

    const commit = new TwoPhaseCommit(
      this.childName("commit"),
      {
        hosts: this.hosts,
        confirmWithinSeconds: args.link.confirmWithinSeconds,
      },
      this.child(),
    );

    this.fingerprint = pulumi
      .all([commit.urn, ...this.hosts.map(({ fingerprint }) => fingerprint)])
      .apply(([, ...fingerprints]) => fingerprints.join("+"));
    this.facts = pulumi.secret(
      pulumi
        .all([primary.end, secondary.end, primary.host.connection, secondary.host.connection])
        .apply(([initiator, responder, initiatorConnection, responderConnection]) => ({
          name,
          initiator: { ...factsOf(initiator, primary.host), connection: initiatorConnection },
          responder: { ...factsOf(responder, secondary.host), connection: responderConnection },
          interface: GRE_DEVICE,
          mtu: args.link.mtu,
          bfd: args.link.bfd !== "off",
          budgetMs: args.gate.budgetMs,
          lossLimitPercent: args.gate.lossLimitPercent,
          credentialsMarker: SECRETS_FILE,
        })),
    );
    this.registerOutputs({ fingerprint: this.fingerprint });
  }

  /** One key for each number that is in use or accepted; a key lives as long as its number is named. */
  private preSharedKeys(psk: LinkSettings["ipsec"]["psk"]): pulumi.Output<PreSharedKeys> {
    const key = (number: number): pulumi.Output<string> =>
      new random.RandomBytes(this.childName(`psk-${number}`), { length: PSK_BYTES }, this.child()).base64;
    return pulumi.secret(pulumi.output({ send: key(psk.send), accept: psk.accept.map(key) }));
  }

  private end(
    site: Site,
    args: CrossBorderLinkArgs,
    initiator: boolean,
  ): { site: Site; host: Host; end: pulumi.Output<LinkEnd> } {
    const host = site.gateways[0];
    if (!host) throw new Error(`site ${site.name} has no gateway to carry the link`);
    const end = site.publicAddress.apply((publicAddress) => ({
      host: host.name,
      site: site.name,
      family: host.family,
      privateAddress: host.privateAddress,
      publicAddress,
      interface: host.underlay.interface,
      cidr: site.cidr,
      asn: site.asn,
      linkAddress: addressAt(args.link.network, initiator ? 1 : 2),
      initiator,
    }));
    return { site, host, end };
  }

  private stage(
    args: CrossBorderLinkArgs,
    local: { site: Site; host: Host; end: pulumi.Output<LinkEnd> },
    peer: { host: Host; end: pulumi.Output<LinkEnd> },
    keys: pulumi.Output<PreSharedKeys>,
  ): HostConfiguration {
    const manifest: pulumi.Output<Manifest> = pulumi
      .all([local.end, peer.end, keys, args.webhook])
      .apply(([localEnd, peerEnd, sharedKeys, webhook]) => {
        const view: LinkView = { local: localEnd, peer: peerEnd };
        return linkManifest({
          view,
          link: args.link,
          gate: args.gate,
          keys: sharedKeys,
          sshFrom: args.sshFrom,
          sshPort: args.sshPort,
          admits: local.site.admits,
          health: args.health,
          webhook,
          vip: args.vip,
          backup: args.backup,
          alone: peer.host.outOfService,
        });
      });
    return new HostConfiguration(
      this.childName(local.host.name),
      { host: local.host, component: LINK_COMPONENT, manifest, phase: "stage" },
      this.child(),
    );
  }
}

function factsOf(end: LinkEnd, { outOfService }: Host) {
  const { host, site, linkAddress, publicAddress, cidr } = end;
  return {
    host,
    site,
    linkAddress,
    publicAddress,
    cidr,
    ...(outOfService && { outOfService: true as const }),
  };
}
