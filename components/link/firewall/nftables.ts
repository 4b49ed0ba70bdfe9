import { offeredBy, type Service, usedBy } from "../../backup/service";
import { familyOf } from "../../host/families";
import type { OsFamily } from "../../host/host";
import type { HostFile } from "../../host/manifest";
import type { Admission } from "../../sites/site";
import { GRE_DEVICE, type LinkView, type ServiceAddress } from "../ends";
import { TRACKING_SCRIPT } from "./tracking";
import { vipRules } from "./vip";

export const FIREWALL_FILE = "/etc/crossborder/firewall.nft";
export const FIREWALL_UNIT = "crossborder-firewall.service";
export const FIREWALL_TABLE = "crossborder";
const GUARD_SCRIPT = "/usr/local/lib/crossborder/guard";

/** UDP ports of IKE, and of IKE and ESP behind NATs (RFC 7296, RFC 3948). */
const IKE_PORTS = "{ 500, 4500 }";
/** BFD control, single hop (RFC 5881). */
const BFD_PORT = 3784;
const BGP_PORT = 179;
/** Headers of IPv4 and TCP without options: what an MTU loses before it is a segment size. */
const IPV4_TCP_HEADERS = 40;

/** What the firewall has to know beside the ends. */
export interface FirewallOptions {
  readonly mtu: number;
  /** Ranges that SSH may come from, and the port that sshd listens on. */
  readonly sshFrom: readonly string[];
  readonly sshPort: number;
  /** What the site's cloud has to reach, and users. @default nothing */
  readonly admits?: readonly Admission[];
  /** What the gateways' proxies listen for; absent while the backup path is off. */
  readonly backup?: BackupPorts;
  /** The address that both sites answer at; none without a pair. */
  readonly vip?: ServiceAddress;
}

/** Ports of the backup path. */
export interface BackupPorts {
  /** Port by which the gateways' proxies reach each other. */
  readonly port: number;
  readonly services: readonly Service[];
}

/**
 * The proxy's port for the peer alone, beside the link too, where only the peer's certificate gets any further; the
 * services' ports over the link; for the site's own hosts the ports of the other site's services and of their own.
 */
function backupRules({ local, peer }: LinkView, backup: BackupPorts | undefined): string {
  if (!backup) return "";
  const { port, services } = backup;
  const own = offeredBy(local.site, services).map(({ localPort }) => localPort);
  const forSite = [
    ...usedBy(local.site, services)
      .filter(({ listen }) => listen === "site")
      .map(({ localPort }) => localPort),
    ...offeredBy(local.site, services)
      .filter(({ listen }) => listen === "site")
      .map(({ endpoints }) => endpoints[local.site]!.port),
  ];
  const here = `ip daddr ${local.privateAddress} tcp dport`;
  const rules = [
    `iifname "${local.interface}" ip saddr ${peer.publicAddress} ${here} ${port} accept`,
    `iifname "${GRE_DEVICE}" ip saddr ${peer.linkAddress} ${here} { ${[port, ...own].join(", ")} } accept`,
    ...(forSite.length > 0
      ? [`iifname "${local.interface}" ip saddr ${local.cidr} ${here} { ${forSite.join(", ")} } accept`]
      : []),
  ];
  return rules.map((rule) => `    ${rule}\n`).join("");
}

/** Ports that the site's own cloud reaches from its own ranges, which nothing on the Internet can have, and the users'. */
function admissionRules({ local }: LinkView, admits: readonly Admission[]): string {
  return admits
    .map(
      ({ from, port }) =>
        `    iifname "${local.interface}" ip saddr { ${from.join(", ")} } tcp dport ${port} accept\n`,
    )
    .join("");
}

/**
 * The product's own table; no other is touched. Replaced as a whole in one transaction, so that there is no moment
 * without it.
 *
 * It guards two things whatever else runs or not: GRE without IPsec never leaves and never enters, and traffic to the
 * peer's range leaves by gre1 or is refused at once. That includes what an ICMP error would quote: without gre1 the kernel
 * answers GRE from the tunnel with "protocol" or "port unreachable" (RFC 792), and the start of the packet, in the clear.
 * Counters of what leaves the underlay let the deployment gate prove
 * it.
 */
export function renderTable({ local, peer }: LinkView, options: FirewallOptions): HostFile {
  const underlay = `"${local.interface}"`;
  const gre = `"${GRE_DEVICE}"`;
  const vip = vipRules({ local, peer }, options.vip);
  // Where nftables can't tell GRE in IPsec from GRE in the clear, the guard's script has iptables drop the latter.
  const guarded = (rule: string): string =>
    familyOf(local.family).guard === "nftables" ? `    ${rule}\n` : "";
  const beyond = [peer.cidr, peer.linkAddress, ...(options.vip ? [options.vip.address] : [])].join(", ");
  const content = `table inet ${FIREWALL_TABLE}
delete table inet ${FIREWALL_TABLE}
table inet ${FIREWALL_TABLE} {
  counter underlay_esp_udp_out { }
  counter underlay_ike_out { }
  counter underlay_gre_clear_out { }
  counter underlay_private_clear_out { }
  counter gre_clear_dropped { }
  counter gre_quoted_dropped { }
  counter private_clear_refused { }
  counter input_dropped { }

  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
${guarded("ip protocol gre meta secpath missing counter name gre_clear_dropped drop")}    ip saddr { ${peer.cidr}, ${peer.linkAddress} } iifname != ${gre} drop
${vip.spoofed}    ct state established,related accept
    ct state invalid drop
    ip saddr { ${options.sshFrom.join(", ")} } tcp dport ${options.sshPort} accept
${admissionRules({ local, peer }, options.admits ?? [])}    ip saddr ${peer.publicAddress} udp dport ${IKE_PORTS} accept
    ip saddr ${peer.publicAddress} ip protocol gre accept
    ip saddr { ${peer.publicAddress}, ${local.cidr} } icmp type { echo-request, destination-unreachable } accept
    iifname ${gre} ip saddr ${peer.linkAddress} tcp dport ${BGP_PORT} accept
    iifname ${gre} ip saddr ${peer.linkAddress} udp dport ${BFD_PORT} ip ttl 255 accept
    iifname ${gre} ip saddr { ${peer.linkAddress}, ${peer.cidr} } icmp type { echo-request, destination-unreachable } accept
${backupRules({ local, peer }, options.backup)}${vip.input}    udp sport 67 udp dport 68 accept
    meta l4proto icmpv6 icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
    counter name input_dropped
  }

  chain forward {
    type filter hook forward priority filter; policy drop;
    ip daddr { ${peer.cidr}, ${peer.linkAddress} } oifname != ${gre} counter name private_clear_refused reject with icmp type admin-prohibited
${vip.forward}    ip saddr { ${peer.cidr}, ${peer.linkAddress} } iifname != ${gre} drop
${vip.spoofed}    oifname ${gre} tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    iifname ${gre} tcp flags syn / syn,rst tcp option maxseg size set ${options.mtu - IPV4_TCP_HEADERS}
    ct state established,related accept
    ct state invalid drop
    iifname ${underlay} oifname ${gre} ip saddr ${local.cidr} ip daddr ${peer.cidr} accept
    iifname ${gre} oifname ${underlay} ip saddr ${peer.cidr} ip daddr ${local.cidr} accept
  }

  chain output {
    type filter hook output priority filter; policy accept;
    ip daddr { ${peer.cidr}, ${peer.linkAddress} } oifname != ${gre} counter name private_clear_refused reject with icmp type admin-prohibited
${vip.output}${guarded("ip protocol gre rt ipsec missing counter name gre_clear_dropped drop")}    ip daddr ${peer.publicAddress} icmp type destination-unreachable icmp code { 2, 3 } counter name gre_quoted_dropped drop
  }

  chain underlay {
    type filter hook postrouting priority filter; policy accept;
    oifname != ${underlay} return
    udp sport 4500 udp dport 4500 @th,64,32 != 0 counter name underlay_esp_udp_out
    udp dport 500 counter name underlay_ike_out
    udp sport 4500 udp dport 4500 @th,64,32 == 0 counter name underlay_ike_out
${guarded("ip protocol gre rt ipsec missing counter name underlay_gre_clear_out")}    ip daddr { ${beyond} } counter name underlay_private_clear_out
  }
}
`;
  return { path: FIREWALL_FILE, content, mode: "0644" };
}

/**
 * The guard for GRE by iptables' `policy` match (iptables-extensions(8)), for kernels whose nftables lacks `rt ipsec` and
 * `meta secpath` (nft(8)); none where nftables does it.
 */
export function renderGuard(family: OsFamily): HostFile[] {
  if (familyOf(family).guard === "nftables") return [];
  const content = `#!/bin/sh
# Has GRE that is not in IPsec dropped, both ways: guard up|down.
set -eu
rule() {
  iptables -w "$1" "$2" -p gre -m policy --dir "$3" --pol none -j DROP
}
case "\${1:-}" in
up)
  rule -C INPUT in 2>/dev/null || rule -I INPUT in
  rule -C OUTPUT out 2>/dev/null || rule -I OUTPUT out
  ;;
down)
  rule -D INPUT in 2>/dev/null || true
  rule -D OUTPUT out 2>/dev/null || true
  ;;
*)
  echo "usage: guard up|down" >&2
  exit 2
  ;;
esac
`;
  return [{ path: GUARD_SCRIPT, content, mode: "0755" }];
}

/**
 * Loads the table before any interface is up, and leaves it alone whatever other services do. A shutdown doesn't stop it
 * either (there is no `Conflicts=shutdown.target`, systemd.unit(5)): the kernel forwards packets until the machine is off.
 */
export function renderUnit(family: OsFamily): HostFile {
  const guard = (verb: string, argument: string): string =>
    renderGuard(family)
      .map(({ path }) => `${verb}=${path} ${argument}\n`)
      .join("");
  const content = `[Unit]
Description=Guard of the link between the sites
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
After=local-fs.target systemd-modules-load.service

[Service]
Type=oneshot
RemainAfterExit=yes
${guard("ExecStart", "up")}ExecStart=/usr/sbin/nft -f ${FIREWALL_FILE}
ExecStart=${TRACKING_SCRIPT} up
${guard("ExecReload", "up")}ExecReload=/usr/sbin/nft -f ${FIREWALL_FILE}
ExecReload=${TRACKING_SCRIPT} up
ExecStop=${TRACKING_SCRIPT} down
ExecStop=/usr/sbin/nft delete table inet ${FIREWALL_TABLE}
${guard("ExecStop", "down")}
[Install]
WantedBy=sysinit.target
`;
  return { path: `/etc/systemd/system/${FIREWALL_UNIT}`, content, mode: "0644" };
}
