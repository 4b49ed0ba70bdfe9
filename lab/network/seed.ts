import {
  type Machine,
  managementAddress,
  nics,
  serviceAddress,
  type SitePlan,
  siteNames,
  sites,
  peerOf,
  internetMtu,
  uplinkDevice,
} from "./plan";
import { oceanRules, vpcRules } from "./rules";
import { netemArguments, type Water } from "./water";

/** The ocean from power-on until its calibration: about 84 ms. */
const uncalibrated: Water = { delayMs: 40, jitterMs: 0, lossPercent: 0, reorder: false };

/**
 * The files of a machine's seed disk that say who it is on the network, by name. `apply` runs at each boot, before
 * anything uses the network, and only adds what is the lab's own.
 */
export function networkSeed(machine: Machine): Record<string, string> {
  return machine === "wan" ? wanSeed() : gatewaySeed(sites[machine]);
}

const preamble = (machine: Machine): string => `#!/bin/sh
set -eu
seed=/run/lab/seed
echo ${machine} >/proc/sys/kernel/hostname
echo ${machine} >/etc/hostname
grep -q ' ${machine}$' /etc/hosts || echo '127.0.1.1 ${machine}' >>/etc/hosts
install -m 0600 $seed/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key
install -m 0644 $seed/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_ed25519_key.pub
install -D -m 0600 $seed/authorized_keys /root/.ssh/authorized_keys
ip link set lo up
ip address replace ${managementAddress}/24 dev mgmt
ip link set mgmt up
`;

function gatewaySeed(site: SitePlan): Record<string, string> {
  return {
    apply: `${preamble(site.name)}
ip link set net0 mtu ${site.mtu} up
ip address replace ${site.gateway}/24 dev net0
ip route replace default via ${site.router} dev net0
install -m 0644 $seed/chrony.conf /etc/chrony/chrony.conf
systemctl start --no-block chrony.service
`,
    "chrony.conf": `# Time comes from the cloud's router, as it does from a cloud's metadata address.
server ${site.router} iburst minpoll 3 maxpoll 5
# A restored snapshot lags by the time it was stored: step at any time rather than slew for hours.
makestep 0.1 -1
driftfile /var/lib/chrony/chrony.drift
`,
  };
}

function wanSeed(): Record<string, string> {
  const parts = siteNames.map((name) => sites[name]);
  return {
    apply: `${preamble("wan")}
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
nft -f $seed/ocean.nft
${parts.map(cloudScript).join("\n")}`,
    "ocean.nft": oceanRules(),
    ...Object.fromEntries(parts.map((site) => [`vpc-${site.name}.nft`, vpcRules(site)])),
    ...Object.fromEntries(parts.map((site) => [`ntp-${site.name}.conf`, timeServer(site)])),
  };
}

/** A cloud: its router with the wire to the gateway bridged to a client, its uplink, its route table, its time. */
function cloudScript(site: SitePlan): string {
  const wire = nics.wan.find((nic) => nic.wire === site.name)?.name ?? "";
  const vpc = `vpc-${site.name}`;
  const client = `client-${site.name}`;
  const uplink = uplinkDevice(site.name);
  return `
ip netns add ${vpc}
ip netns add ${client}
ip netns exec ${vpc} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \\
  net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
ip -batch - <<'END'
link set ${wire} netns ${vpc}
link add client netns ${vpc} mtu ${site.mtu} type veth peer name net0 netns ${client} mtu ${site.mtu}
link add ${uplink} mtu ${internetMtu} type veth peer name up0 netns ${vpc} mtu ${internetMtu}
link set ${uplink} up
address add ${site.uplink.internet}/30 dev ${uplink}
route add ${site.publicCidr} via ${site.uplink.cloud} dev ${uplink}
END
tc qdisc replace dev ${uplink} root ${netemArguments(uncalibrated)}
ip -n ${vpc} -batch - <<'END'
link set lo up
link add br0 type bridge forward_delay 0 stp_state 0
link set ${wire} mtu ${site.mtu} master br0 up
link set client master br0 up
link set br0 mtu ${site.mtu} up
address add ${site.router}/24 dev br0
link set up0 up
address add ${site.uplink.cloud}/30 dev up0
address add ${site.publicRouter}/32 dev up0
route add default via ${site.uplink.internet} dev up0 src ${site.publicRouter}
route add blackhole ${site.publicCidr}
route add ${sites[peerOf(site.name)].cidr} via ${site.gateway} dev br0
route add ${serviceAddress}/32 via ${site.gateway} dev br0
END
ip netns exec ${vpc} nft -f $seed/${vpc}.nft
ip -n ${client} -batch - <<'END'
link set lo up
link set net0 up
address add ${site.client}/24 dev net0
route add default via ${site.router} dev net0
END
systemd-run --quiet --no-block --unit=lab-ntp-${site.name} -p NetworkNamespacePath=/run/netns/${vpc} -p Restart=always \\
  /usr/sbin/chronyd -d -x -f $seed/ntp-${site.name}.conf
`;
}

function timeServer(site: SitePlan): string {
  return `# Serves this machine's clock as it is (chronyd runs with -x and never sets it).
local stratum 8
allow ${site.cidr}
bindcmdaddress /run/lab/ntp-${site.name}.sock
pidfile /run/lab/ntp-${site.name}.pid
`;
}
