import { GRE_DEVICE, type LinkView, type ServiceAddress } from "../ends";

/** VRRP's own protocol number (RFC 5798, section 5.1.1.4). */
const VRRP_PROTOCOL = 112;

/** Rules for the service address, lines of the firewall's chains by what they are for; empty without one. */
export interface VipRules {
  /** What comes from it by another way than the link. */
  readonly spoofed: string;
  /** VRRP from the peer alone, and what is answered at the address. */
  readonly input: string;
  /** What would leave for it by another way than the link. */
  readonly forward: string;
  readonly output: string;
}

export function vipRules({ local, peer }: LinkView, vip: ServiceAddress | undefined): VipRules {
  if (!vip) return { spoofed: "", input: "", forward: "", output: "" };
  const gre = `"${GRE_DEVICE}"`;
  const refuse = "counter name private_clear_refused reject with icmp type admin-prohibited";
  const ports = `tcp dport { ${vip.ports.join(", ")} } accept`;
  return {
    spoofed: `    ip saddr ${vip.address} iifname != ${gre} drop\n`,
    input:
      // One hop: what went through a router has a lower TTL (RFC 5798, section 5.1.1.3).
      `    iifname ${gre} ip saddr ${peer.linkAddress} ip daddr ${local.linkAddress} ip protocol ${VRRP_PROTOCOL} ip ttl 255 accept\n` +
      `    iifname "${local.interface}" ip saddr ${local.cidr} ip daddr ${vip.address} ${ports}\n` +
      `    iifname ${gre} ip saddr { ${peer.linkAddress}, ${peer.cidr} } ip daddr ${vip.address} ${ports}\n`,
    forward: `    ip daddr ${vip.address} oifname != ${gre} ${refuse}\n`,
    // The address is local on both sides: what a gateway itself sends there goes by the loopback.
    output: `    ip daddr ${vip.address} oifname != { "lo", ${gre} } ${refuse}\n`,
  };
}
