import type { IpsecSettings } from "../../settings/schema";

/**
 * How long a fault may last before something notices, from the settings. With the defaults:
 *
 * | what happens | who notices | after |
 * |---|---|---|
 * | the path goes dark | BFD | 300 ms × 3 = 0.9 s: routes are withdrawn, connects are refused at once |
 * | the same, with `bfd: off` | BGP's hold time | 30 s |
 * | the peer lost its keys (it was rebooted) | the initiator's dead peer detection | 10 s + 2 s × (1 + 5) = 22 s |
 *
 * A path that returns is used again after the sum of: one IKE retransmission if the SA was given up meanwhile (2 s), BFD's
 * three-way handshake at its slow rate of one packet a second (RFC 5880, section 6.8.3: at most 1 s + RTT), one BGP
 * connect retry (1 s) and about four round trips of handshakes.
 */

/**
 * How many times as long as the initiator the responder bears its peer's silence. What it gave up alone, because only one direction was
 * cut or because its peer was frozen, the initiator would go on using until it noticed: the link would stay away for as long again
 * after the fault's end. When it is the initiator that gives up, its INITIAL_CONTACT removes what the responder has left (RFC 7296,
 * section 2.4).
 */
const RESPONDER_PATIENCE = 10;

/** Silence of the peer after which a gateway asks whether it lives, in seconds. */
export function dpdDelaySeconds(initiator: boolean, ipsec: IpsecSettings): number {
  return initiator ? ipsec.dpdDelaySeconds : ipsec.dpdDelaySeconds * RESPONDER_PATIENCE;
}

/**
 * How long the kernel waits for charon to answer a trap policy before it asks again, in whole seconds: one round of charon's
 * retransmissions, as is charon's own default. That can't be left to charon: its sum of a geometric series divides by zero where
 * retransmissions don't grow apart, and the kernel would ask once in 300 days. Also the life of an SPI that is being negotiated.
 */
export function acquireSeconds(ipsec: IpsecSettings): number {
  return Math.ceil(ipsec.retransmitSeconds * (1 + ipsec.retransmitTries));
}
