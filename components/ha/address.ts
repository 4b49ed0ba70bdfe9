import type { HostFile } from "../host/manifest";

export const ADDRESS_UNIT = "crossborder-vip.service";
export const ADDRESS_UNIT_FILE = `/etc/systemd/system/${ADDRESS_UNIT}`;

/**
 * Makes the service address local on the gateway from the boot on, whether VRRP gave it away or not: the site's route table sends
 * its users here in any case, and the proxy has to answer them. A route of type `local` does that without an address that
 * would be announced; the address itself is keepalived's, comes and goes on the loopback, and BGP announces it meanwhile.
 */
export function renderAddressUnit(vip: string): HostFile {
  const route = `/usr/bin/env ip -4 route`;
  const content = `[Unit]
Description=Accepts what is sent to the service address
DefaultDependencies=no
Conflicts=shutdown.target
After=network-pre.target crossborder-firewall.service
Wants=crossborder-firewall.service
Before=network.target shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${route} replace local ${vip}/32 dev lo table local proto static
ExecStop=-${route} del local ${vip}/32 dev lo table local proto static

[Install]
WantedBy=multi-user.target
`;
  return { path: ADDRESS_UNIT_FILE, content, mode: "0644" };
}
