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
 * What the service address adds to FRR's configuration. It is announced while it is on the loopback, that is by the gateway that
 * holds it: keepalived puts it there and takes it away.
 */
function vipLines(vip: string | undefined): { own: string; peer: string; map: string; family: string } {
  if (vip === undefined) return { own: "", peer: "", map: "", family: "" };
  return {
    own: `ip prefix-list own seq 10 permit ${vip}/32\n`,
    peer: `ip prefix-list peer seq 10 permit ${vip}/32\n`,
    map: `ip prefix-list vip seq 5 permit ${vip}/32
!
route-map vip permit 10
 match interface lo
 match ip address prefix-list vip
exit
`,
    family: "  redistribute connected route-map vip\n",
  };
}

/**
 * External BGP over gre1, watched by BFD. Each side announces its own range and, while it holds it, the service address,
 * and accepts only the same of the peer. Without import-check: in clouds the range is not in the host's routing table.
 */
export function renderFrr(
  { local, peer }: LinkView,
  link: Pick<LinkSettings, "bfd" | "bgp">,
  vip?: string,
): HostFile {
  const { bfd, bgp } = link;
  const lines = vipLines(vip);
  const neighbor = ` neighbor ${peer.linkAddress}`;
  // Said in so many words: where the line is only missing, a reload drops the profile and leaves the session (FRR 8.4).
  const watched =
    bfd === "off" ? ` no${neighbor} bfd\n` : `${neighbor} bfd\n${neighbor} bfd profile ${PROFILE}\n`;
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
${lines.own}ip prefix-list peer seq 5 permit ${peer.cidr}
${lines.peer}${lines.map}!
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
${lines.family} ${neighbor} activate
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
export function renderDropIn({ peer }: LinkView, vip?: string): HostFile {
  const routes = [peer.cidr, ...(vip === undefined ? [] : [`${vip}/32`])];
  const content = `[Service]
${routes.map((route) => `ExecStopPost=-/usr/bin/env ip -4 route del ${route} proto bgp\n`).join("")}`;
  return { path: DROP_IN_FILE, content, mode: "0644" };
}
