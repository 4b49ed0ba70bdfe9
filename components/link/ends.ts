import type { OsFamily } from "../host/host";

/**
 * What rendering needs to know of one end of the link. Plain values: rendering is pure, and the addresses of clouds
 * are resolved before it.
 */
export interface LinkEnd {
  /** Name of the host, `la-gw1`; also its IKE identity and BGP host name. */
  readonly host: string;
  readonly site: string;
  readonly family: OsFamily;
  /** The host's own address on the underlay. */
  readonly privateAddress: string;
  /** The address that the peer knows it by. */
  readonly publicAddress: string;
  /** The interface of the underlay. */
  readonly interface: string;
  /** The site's range. */
  readonly cidr: string;
  readonly asn: number;
  /** Its address inside gre1. */
  readonly linkAddress: string;
  /** Whether this end starts the IKE connection. Exactly one does: two would make duplicate SAs. */
  readonly initiator: boolean;
}

/** Both ends, as one of them sees them. */
export interface LinkView {
  readonly local: LinkEnd;
  readonly peer: LinkEnd;
}

/** The device that carries everything between the sites. */
export const GRE_DEVICE = "gre1";

/** The service address that moves between the sites, as the link has to know it. */
export interface ServiceAddress {
  readonly address: string;
  /** TCP ports that are answered at it. */
  readonly ports: readonly number[];
}
