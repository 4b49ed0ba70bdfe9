import type * as pulumi from "@pulumi/pulumi";
import type { Host } from "../host/host";

/** A point on Earth, in decimal degrees. */
export interface Coordinates {
  /** -90 to 90. */
  readonly latitude: number;
  /** -180 to 180. */
  readonly longitude: number;
}

/**
 * A place that serves users: a private network, and gateways that join it to the other site. Everything after a site
 * exists is the same code, whoever sells the site.
 */
export interface Site {
  /** Short name, also the prefix of its hosts' names, e.g. `la`. */
  readonly name: string;
  readonly coordinates: Coordinates;
  /** The site's private IPv4 range, announced to the peer. */
  readonly cidr: string;
  /** The site's BGP autonomous system. */
  readonly asn: number;
  /** The address that the Internet knows the active gateway by. The cloud translates it 1:1; no host owns it. */
  readonly publicAddress: pulumi.Output<string>;
  /** The hosts that carry the link, in order of preference. One or two. */
  readonly gateways: readonly Host[];
  /** What its gateways let in beside the link and operators: the site's own cloud, and users. @default nothing */
  readonly admits?: readonly Admission[];
}

/** A TCP port that is open to some ranges. */
export interface Admission {
  /** IPv4 ranges. */
  readonly from: readonly string[];
  /** 1 to 65535. */
  readonly port: number;
}

/** Everybody. */
export const EVERYWHERE = "0.0.0.0/0";

/** Ports of the gateways that users reach, each open to everybody. */
export function openToUsers(ports: readonly number[]): Admission[] {
  return ports.map((port) => ({ from: [EVERYWHERE], port }));
}

/** What a site has to know of the other one to let it in. */
export interface Peer {
  /**
   * The address that its gateway is known by. Each site needs the other's, so what makes an address must wait for
   * nothing that a firewall guards.
   */
  readonly publicAddress: pulumi.Input<string>;
  /** Its private range. */
  readonly cidr: pulumi.Input<string>;
}
