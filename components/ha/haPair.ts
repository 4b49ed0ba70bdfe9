import * as pulumi from "@pulumi/pulumi";
import type { HaSettings, HealthSettings } from "../../settings/schema";
import type { BackupPath } from "../backup/backupPath";
import type { Service } from "../backup/service";
import { Component } from "../component";
import { HostConfiguration } from "../host/configuration";
import type { Host } from "../host/host";
import { TwoPhaseCommit } from "../host/twoPhaseCommit";
import type { CrossBorderLink } from "../link/crossBorderLink";
import type { LinkEnd } from "../link/ends";
import { HA_COMPONENT, haManifest } from "./manifest";
import type { Heartbeats } from "./plan";

export interface HaPairArgs {
  /** The link between the gateways that are the pair. */
  readonly link: CrossBorderLink;
  /** Their proxies, which answer at the address. They have to be given `vipPart`. */
  readonly backup: BackupPath;
  readonly ha: HaSettings;
  /** The services that are answered at the address. */
  readonly services: readonly Service[];
  readonly health: Pick<HealthSettings, "textfileDirectory">;
  /** A change undoes itself on both gateways unless both work within this time, s. */
  readonly confirmWithinSeconds: number;
  /** What else decides whether a gateway may have the address. @default the proxy's health and the link's age alone */
  readonly heartbeats?: Partial<Heartbeats> | undefined;
  /** Called by the gateways when their state changes. A secret. */
  readonly webhook?: pulumi.Input<string>;
}

/** One gateway with what is known of it. */
interface Gateway {
  readonly host: Host;
  readonly end: pulumi.Output<LinkEnd>;
}

/**
 * One address for both sites' services: keepalived elects the gateway that has it, BGP announces it, and an agent on each
 * gateway has the proxy serve, or pass connections on to the site that does.
 *
 * Both gateways change together, or not at all: a pair of which each half believes in another router would be two masters.
 */
export class HaPair extends Component {
  /** What each gateway was given. */
  readonly hosts: readonly HostConfiguration[];

  constructor(name: string, args: HaPairArgs, options?: pulumi.ComponentResourceOptions) {
    super("HaPair", name, {}, options);
    const { link } = args;
    const ends = [link.primary, link.secondary];
    const [primary, secondary] = link.hosts.map(({ host }, index) => ({ host, end: ends[index]! })) as [
      Gateway,
      Gateway,
    ];
    this.hosts = [this.stage(args, primary, secondary), this.stage(args, secondary, primary)];
    new TwoPhaseCommit(
      this.childName("commit"),
      { hosts: this.hosts, confirmWithinSeconds: args.confirmWithinSeconds },
      this.child(),
    );
    this.registerOutputs({});
  }

  private stage(args: HaPairArgs, local: Gateway, peer: Gateway): HostConfiguration {
    const { ha, services, health, heartbeats } = args;
    const manifest = pulumi.all([local.end, peer.end, args.webhook]).apply(([localEnd, peerEnd, webhook]) =>
      haManifest({
        view: { local: localEnd, peer: peerEnd },
        ha,
        services,
        health,
        heartbeats,
        webhook,
      }),
    );
    return new HostConfiguration(
      this.childName(local.host.name),
      { host: local.host, component: HA_COMPONENT, manifest, phase: "stage" },
      // keepalived's parser wants the device, and both want the proxy that answers.
      this.child({ dependsOn: [args.link, args.backup] }),
    );
  }
}
