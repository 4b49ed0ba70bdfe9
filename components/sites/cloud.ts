import * as pulumi from "@pulumi/pulumi";
import type { SiteSettings } from "../../settings/schema";
import type { FirstBootMaker } from "./firstBoot";
import type { Peer } from "./site";

/** What every site has in its settings, whichever cloud makes it. */
export type CommonSettings = Pick<SiteSettings, "coordinates" | "cidr" | "asn" | "outOfService" | "machines">;

/** What a site in any cloud is made of, beside its own settings. */
export interface CloudSiteArgs {
  /** Name of the stack, a part of the names of all that is made: at most 11 of a-z and 0-9. */
  readonly stack: string;
  /** Labels, or tags, of all that takes some, beside the program's own. */
  readonly labels: Readonly<Record<string, string>>;
  /** Refuse to delete or replace what has a state or an address. */
  readonly protect: boolean;
  /** The other site, which the cloud's firewall lets in and the routes lead to. */
  readonly peer: Peer;
  /** IPv4 ranges that SSH to the gateways may come from. */
  readonly sshFrom: readonly string[];
  /** Port that sshd listens on, 1 to 65535. */
  readonly sshPort: number;
  /** Port of the gateways' proxies, which the peer may reach. @default closed: the backup path is off */
  readonly backupPort?: number;
  /** TCP ports of the gateways that are open to everybody, 1 to 65535: the service's, for its users. @default none */
  readonly publicPorts?: readonly number[];
  /** The service address, which is routed to the gateway. @default none */
  readonly vip?: pulumi.Input<string>;
  /** What each machine gets at its first boot, and how it is reached then. */
  readonly firstBoot: FirstBootMaker;
}

/** The ranges that a site's network sends to its gateways, by what they are for. */
export function destinationsOf({ peer, vip }: Pick<CloudSiteArgs, "peer" | "vip">) {
  return { peer: peer.cidr, ...(vip === undefined ? {} : { vip: pulumi.interpolate`${vip}/32` }) };
}
