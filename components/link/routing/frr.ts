import type { LinkSettings } from "../../../settings/schema";
import type { HostFile } from "../../host/manifest";
import type { LinkView } from "../ends";

export const FRR_FILE = "/etc/frr/frr.conf";
export const DAEMONS_FILE = "/etc/frr/daemons";
export const FRR_UNIT = "frr.service";
const DROP_IN_FILE = `/etc/systemd/system/${FRR_UNIT}.d/crossborder.conf`;

/** Name of the BFD profile of the link. */
const PROFILE = "link";
/**
 * Distance of the route that refuses connects while BGP has no route: worse than any protocol's own, so that it only
 * ever shows when they are silent.
 */
const REJECT_DISTANCE = 250;

/**
 * Longest time that watchfrr gives FRR's daemons to start, s, below the unit's own 120. Its default of 20 kills a start on a
 * slow or busy machine half-way, and daemons are left running without their configuration (watchfrr(8), `-T`).
 */
const START_SECONDS = 100;

/**
 * External BGP over gre1, watched by BFD. Each side announces its own range and accepts only the peer's. Without
 * import-check: in clouds the range is not in the host's routing table.
 */
export function renderFrr({ local, peer }: LinkView, link: Pick<LinkSettings, "bfd" | "bgp">): HostFile {
  const { bfd, bgp } = link;
  const neighbor = ` neighbor ${peer.linkAddress}`;
  const watched = bfd === "off" ? "" : `${neighbor} bfd\n${neighbor} bfd profile ${PROFILE}\n`;
  const profile =
    bfd === "off"
      ? ""
      : `bfd
 profile ${PROFILE}
  detect-multiplier ${bfd.multiplier}
  receive-interval ${bfd.intervalMs}
  transmit-interval ${bfd.intervalMs}
 exit
exit
!
`;
  const content = `frr defaults traditional
hostname ${local.host}
log syslog informational
service integrated-vtysh-config
!
ip route ${peer.cidr} reject ${REJECT_DISTANCE}
!
ip prefix-list own seq 5 permit ${local.cidr}
ip prefix-list peer seq 5 permit ${peer.cidr}
!
router bgp ${local.asn}
 bgp router-id ${local.linkAddress}
 no bgp network import-check
${neighbor} remote-as ${peer.asn}
${neighbor} description ${peer.host}
${watched}${neighbor} timers ${bgp.keepaliveSeconds} ${bgp.holdSeconds}
${neighbor} timers connect ${bgp.connectRetrySeconds}
${neighbor} advertisement-interval 0
 address-family ipv4 unicast
  network ${local.cidr}
 ${neighbor} activate
 ${neighbor} soft-reconfiguration inbound
 ${neighbor} prefix-list peer in
 ${neighbor} prefix-list own out
 exit-address-family
exit
!
${profile}`;
  return { path: FRR_FILE, content, mode: "0640", owner: "frr:frr" };
}

/** Which of FRR's daemons run, and that they listen for vtysh alone. */
export function renderDaemons(): HostFile {
  const content = `bgpd=yes
bfdd=yes
vtysh_enable=yes
watchfrr_options="-T ${START_SECONDS}"
zebra_options="  -A 127.0.0.1 -s 90000000"
bgpd_options="   -A 127.0.0.1"
bfdd_options="   -A 127.0.0.1"
staticd_options="-A 127.0.0.1"
`;
  return { path: DAEMONS_FILE, content, mode: "0640", owner: "frr:frr" };
}

/**
 * What systemd does when FRR has ended, however it did: a zebra that was killed leaves its routes in the kernel, and connects
 * would hang on a route that leads to a peer which has none back.
 */
export function renderDropIn({ peer }: LinkView): HostFile {
  const content = `[Service]
ExecStopPost=-/usr/bin/env ip -4 route del ${peer.cidr} proto bgp
`;
  return { path: DROP_IN_FILE, content, mode: "0644" };
}
