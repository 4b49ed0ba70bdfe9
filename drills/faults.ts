/**
 * Faults of the network between the sites, as values. A fault says which packets vanish; who makes them vanish, when
 * and for how long is somebody else's business.
 */

/** One way across the ocean. */
export type Direction = "la-sg" | "sg-la";

/** Packets that vanish. */
export interface Fault {
  /** For histories and messages, e.g. `ike la-sg`. At most 120 characters of `[a-z0-9 +-]`. */
  readonly name: string;
  /** nftables matches in the family `ip`, as seen by a router between the sites; a packet that meets any vanishes. */
  readonly matches: readonly string[];
}

/** Everything, in both directions. */
export const everything: Fault = { name: "everything", matches: ["meta l4proto 0-255"] };

/** All that IPsec sends through NATs: key exchange and encapsulated ESP. TCP between public addresses still passes. */
export const ipsec: Fault = {
  name: "ipsec",
  matches: ["udp dport { 500, 4500 }", "udp sport { 500, 4500 }"],
};

/** Key exchange alone (RFC 7296, and with the non-ESP marker of RFC 3948 in front on port 4500): data still passes. */
export const ike: Fault = {
  name: "ike",
  matches: ["udp dport 500", "udp sport 500", "udp dport 4500 @th,64,32 0", "udp sport 4500 @th,64,32 0"],
};

/** Encapsulated ESP alone: keys are still exchanged, and no data passes. */
export const espInUdp: Fault = {
  name: "esp-in-udp",
  matches: ["udp dport 4500 @th,64,32 != 0", "udp sport 4500 @th,64,32 != 0"],
};

/** ICMP: pings and, with them, path MTU discovery. */
export const icmp: Fault = { name: "icmp", matches: ["ip protocol icmp"] };

/** The same fault, for what travels one way only. */
export function oneWay(fault: Fault, direction: Direction): Fault {
  const from = direction === "la-sg" ? "ocean-la" : "ocean-sg";
  return {
    name: `${fault.name} ${direction}`,
    matches: fault.matches.map((match) => `iifname "${from}" ${match}`),
  };
}

/** Several faults at once. */
export function together(...faults: readonly Fault[]): Fault {
  return {
    name: faults.map(({ name }) => name).join(" + "),
    matches: faults.flatMap(({ matches }) => matches),
  };
}
