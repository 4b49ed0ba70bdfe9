import { z } from "zod";

const connection = z.object({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  user: z.string().min(1),
  privateKey: z.string().min(1),
  hostKey: z.string().min(1),
});

const linkEnd = z.object({
  /** Name of the gateway, e.g. `la-gw1`; used in every sentence about it. */
  host: z.string().min(1),
  /** Name of the site that the gateway stands in. */
  site: z.string().min(1),
  /** How to reach the gateway. Its private key is a secret. */
  connection,
  /** The site is out of service: nobody asks the gateway. Absent otherwise. */
  outOfService: z.literal(true).optional(),
  /** The gateway's own address on the GRE device, without a prefix length. */
  linkAddress: z.ipv4(),
  /** The address that the other site knows this gateway by. */
  publicAddress: z.ipv4(),
  /** The site's private range, which this gateway announces. */
  cidr: z.cidrv4(),
});

/**
 * What must be known of a deployed link to measure it. Produced by the link component, carried by the gate's inputs
 * and by the stack's outputs (as a secret, for the connections' sake).
 */
export const linkFactsSchema = z.object({
  name: z.string().min(1),
  /** The end that starts IKE. Probes are sent from here. */
  initiator: linkEnd,
  responder: linkEnd,
  /** The GRE device, by the same name on both ends. */
  interface: z.string().min(1),
  /** MTU of the GRE device, bytes. */
  mtu: z.number().int().min(576).max(9_000),
  /** Whether the link runs BFD. Without it BGP's own timers detect a cut, and no session is asked for. */
  bfd: z.boolean(),
  /** Highest acceptable median round trip over the link, ms. */
  budgetMs: z.number().positive(),
  /** Highest acceptable share of lost probes, percent. */
  lossLimitPercent: z.number().min(0).max(100),
  /**
   * A file on both gateways that the installer writes when, and only when, the key that authenticates IKE changes: its
   * modification time is the time of the change, by the gateway's own clock. An IKE SA older than it still trusts the
   * former key. Must not hold the key.
   */
  credentialsMarker: z.string().startsWith("/"),
});

export type LinkFacts = z.infer<typeof linkFactsSchema>;
export type LinkEnd = z.infer<typeof linkEnd>;

/** Name of the IKE connection, and of its CHILD SA's configuration, in the gateways' swanctl configuration. */
export const IKE_CONNECTION = "peer";
export const CHILD_SA = "gre";

/** The gateways' own nftables table and its named counters of what leaves by the underlay towards the peer. */
export const NFT_TABLE = "crossborder";
export const COUNTERS = {
  /** ESP inside UDP: what the link should look like from outside. */
  espUdpOut: "underlay_esp_udp_out",
  /** IKE itself. */
  ikeOut: "underlay_ike_out",
  /** GRE that left without IPsec. Must not move. */
  greClearOut: "underlay_gre_clear_out",
  /** Packets to the peer's private range that left beside the GRE device. Must not move. */
  privateClearOut: "underlay_private_clear_out",
} as const;
