import type { HostFile } from "../../host/manifest";
import { GRE_DEVICE, type LinkView } from "../ends";

export const GRE_SCRIPT = "/usr/local/lib/crossborder/gre";
export const GRE_UNIT = "crossborder-gre.service";

/** TTL of packets that carry GRE; what the link was asked for, and the highest there is. */
const TTL = 255;

/** Makes the device, or changes the one there is without taking it down. */
export function renderScript({ local, peer }: LinkView, mtu: number): HostFile {
  const content = `#!/bin/sh
# Brings ${GRE_DEVICE} up as written here, or takes it away.
set -eu
case "\${1:-}" in
up)
  ip link show dev ${GRE_DEVICE} >/dev/null 2>&1 ||
    ip link add ${GRE_DEVICE} type gre local ${local.privateAddress} remote ${peer.publicAddress} ttl ${TTL}
  ip link set ${GRE_DEVICE} type gre local ${local.privateAddress} remote ${peer.publicAddress} ttl ${TTL}
  ip link set ${GRE_DEVICE} mtu ${mtu} up
  ip -o -4 address show dev ${GRE_DEVICE} | while read -r _ _ _ address _; do
    [ "$address" = ${local.linkAddress}/30 ] || ip address del "$address" dev ${GRE_DEVICE}
  done
  ip address replace ${local.linkAddress}/30 dev ${GRE_DEVICE}
  ;;
down)
  ip link show dev ${GRE_DEVICE} >/dev/null 2>&1 || exit 0
  ip link del ${GRE_DEVICE}
  # The module's own devices go too where nothing else uses it.
  modprobe -r ip_gre 2>/dev/null || true
  ;;
*)
  echo "usage: gre up|down" >&2
  exit 2
  ;;
esac
`;
  return { path: GRE_SCRIPT, content, mode: "0755" };
}

/**
 * Makes the device at boot. It needs no address of the underlay to be made, and can't wait for network.target: FRR, which waits
 * for it, comes before that, and systemd resolves such a circle by not starting one of them.
 */
export function renderUnit(): HostFile {
  const content = `[Unit]
Description=GRE device of the link between the sites
After=network-pre.target crossborder-firewall.service
Wants=crossborder-firewall.service
Before=frr.service network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${GRE_SCRIPT} up
ExecReload=${GRE_SCRIPT} up
ExecStop=${GRE_SCRIPT} down

[Install]
WantedBy=multi-user.target
`;
  return { path: `/etc/systemd/system/${GRE_UNIT}`, content, mode: "0644" };
}
