import type { CryptoProfileName } from "./ipsec/profiles";
import { cryptoProfiles } from "./ipsec/profiles";

/** Bytes of an IPv4 header without options (RFC 791). */
const IPV4_HEADER = 20;
/** Bytes of the UDP header that carries ESP through NATs (RFC 3948). */
const UDP_HEADER = 8;
/** SPI and sequence number of an ESP packet (RFC 4303, section 2). */
const ESP_HEADER = 8;
/** Pad length and next header, the end of an ESP payload (RFC 4303, section 2). */
const ESP_TRAILER = 2;
/** Bytes of a GRE header without key, checksum and sequence number (RFC 2784). */
const GRE_HEADER = 4;

/** The source of the product asked for at most this MTU on gre1, on any underlay. */
export const HIGHEST_MTU = 1400;

/**
 * Bytes that a packet of `mtu` bytes inside gre1 makes on the underlay: GRE in ESP transport mode in UDP.
 * @example packetOnUnderlay(1400, "modern") // 1468
 */
export function packetOnUnderlay(mtu: number, profile: CryptoProfileName): number {
  const { iv, icv, align } = cryptoProfiles[profile].esp;
  const payload = GRE_HEADER + mtu + ESP_TRAILER;
  return IPV4_HEADER + UDP_HEADER + ESP_HEADER + iv + Math.ceil(payload / align) * align + icv;
}

/**
 * The largest MTU of gre1 whose packets fit both underlays unfragmented, and never more than {@link HIGHEST_MTU}.
 * @example largestMtu([1460, 1500], "modern") // 1394
 */
export function largestMtu(underlayMtus: readonly number[], profile: CryptoProfileName): number {
  const { iv, icv, align } = cryptoProfiles[profile].esp;
  const room = Math.min(...underlayMtus) - IPV4_HEADER - UDP_HEADER - ESP_HEADER - iv - icv;
  return Math.min(HIGHEST_MTU, Math.floor(room / align) * align - ESP_TRAILER - GRE_HEADER);
}
