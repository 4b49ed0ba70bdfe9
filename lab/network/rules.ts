import { nics, type SitePlan, siteNames, uplinkDevice } from "./plan";

/** Private ranges (RFC 1918): none of them may ever be seen on the Internet. */
export const privateRanges: readonly string[] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** Classes of packets that cross the ocean, each counted by a counter `seen_<class>`. */
export const transitClasses = [
  "ike500",
  "natt4500",
  "gre",
  "esp",
  "tls8443",
  "tcp",
  "icmp",
  "private",
  "other",
] as const;
export type TransitClass = (typeof transitClasses)[number];

const privateSet = `{ ${privateRanges.join(", ")} }`;

/** The Internet's rules, in the root namespace of `wan`. Faults fill the chain `cut`. */
export function oceanRules(): string {
  const oceans = `{ ${siteNames.map((name) => `"${uplinkDevice(name)}"`).join(", ")} }`;
  return `table ip ocean {
${transitClasses.map((name) => `  counter seen_${name} { }`).join("\n")}
  # Before routing, because most private addresses have no route here and would be refused without being counted.
  chain arriving {
    type filter hook prerouting priority raw; policy accept;
    iifname ${oceans} ip saddr ${privateSet} counter name seen_private drop
    iifname ${oceans} ip daddr ${privateSet} counter name seen_private drop
  }
  chain cut {
  }
  chain transit {
    type filter hook forward priority filter; policy drop;
    iifname != ${oceans} drop
    oifname != ${oceans} drop
    jump cut
    udp dport 500 counter name seen_ike500 accept
    udp dport 4500 counter name seen_natt4500 accept
    ip protocol gre counter name seen_gre accept
    ip protocol esp counter name seen_esp accept
    tcp dport 8443 counter name seen_tls8443 accept
    tcp sport 8443 counter name seen_tls8443 accept
    ip protocol tcp counter name seen_tcp accept
    ip protocol icmp counter name seen_icmp accept
    counter name seen_other accept
  }
}
`;
}

/** A cloud's rules, in the namespace of its router. */
export function vpcRules(site: SitePlan): string {
  const gatewayMac = nics[site.name].find((nic) => nic.wire === site.name)?.mac ?? "";
  return `table ip vpc {
  # What a gateway sends towards a private address outside its site belongs into the link. Seen here, it leaked.
  counter leak { }
  chain arriving {
    type filter hook prerouting priority raw; policy accept;
    iifname "br0" ether saddr ${gatewayMac} ip daddr ${privateSet} ip daddr != ${site.cidr} counter name leak drop
  }
  # A cloud does not tell that a host is dead: packets to it vanish.
  chain undeliverable {
    type filter hook output priority filter; policy accept;
    icmp type destination-unreachable icmp code host-unreachable drop
  }
  chain inbound {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "up0" ip daddr ${site.publicGateway} dnat to ${site.gateway}
  }
  chain outbound {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "up0" ip saddr ${site.gateway} snat to ${site.publicGateway}
    oifname "up0" ip saddr ${site.cidr} snat to ${site.publicMasquerade}
  }
}
`;
}
