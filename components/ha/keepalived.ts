import type { HaSettings } from "../../settings/schema";
import type { HostFile } from "../host/manifest";
import { GRE_DEVICE, type LinkView } from "../link/ends";
import { GRE_UNIT } from "../link/gre/device";
import { ADDRESS_UNIT } from "./address";
import {
  ADJUST_FILE,
  AGENT_UNIT,
  CHECK_PROGRAM,
  HEARTBEAT_SECONDS,
  HEARTBEATS,
  type Heartbeats,
  INSTANCE,
  NOTIFY_PROGRAM,
  weightsFor,
} from "./plan";

export const KEEPALIVED_FILE = "/etc/keepalived/keepalived.conf";
export const KEEPALIVED_UNIT = "keepalived.service";
export const KEEPALIVED_DROP_IN = `/etc/systemd/system/${KEEPALIVED_UNIT}.d/crossborder.conf`;

/** Looks a second apart that have to agree before a finding counts, and before it counts no more. */
const FALL = 2;
const RISE = 3;

function script(name: string, heartbeats: readonly string[], weight: number): string {
  const files = heartbeats.map((heartbeat) => `${HEARTBEATS}/${heartbeat}`).join(" ");
  return `vrrp_script ${name} {
  script "${CHECK_PROGRAM} ${HEARTBEAT_SECONDS} ${files}"
  interval 1
  timeout 1
  fall ${FALL}
  rise ${RISE}
  weight -${weight}
  init_fail
}
`;
}

/**
 * VRRPv3 (RFC 5798) between the two gateways, unicast over the link: clouds carry no multicast, and who may speak is IPsec's and
 * the firewall's business, since VRRPv3 has no authentication.
 *
 * Both start as BACKUP, and everything that is found takes priority off or adds some. Nothing leads to FAULT: no script is without
 * a weight, and `dont_track_primary` keeps a device that is gone from doing it, on both sides at once. The higher priority
 * has the address; there is no `nopreempt`, because a primary that returns is below the secondary until it is up to date, and
 * then has to take over.
 */
export function renderKeepalived(
  { local, peer }: LinkView,
  ha: Pick<HaSettings, "vip" | "virtualRouterId" | "priorities" | "advertIntervalSeconds">,
  heartbeats: Heartbeats,
): HostFile {
  const weights = weightsFor(ha.priorities);
  const priority = local.initiator ? ha.priorities.primary : ha.priorities.secondary;
  const content = `global_defs {
  router_id ${local.host}
  vrrp_version 3
  vrrp_check_unicast_src
  max_auto_priority
  script_user root
  enable_script_security
}

${script("fit", heartbeats.fit, weights.unfit)}
${script("current", heartbeats.current, weights.behind)}
track_file adjust {
  file "${ADJUST_FILE}"
  weight 1
  init_file 0
}

vrrp_instance ${INSTANCE} {
  state BACKUP
  interface ${GRE_DEVICE}
  dont_track_primary
  virtual_router_id ${ha.virtualRouterId}
  priority ${priority}
  advert_int ${ha.advertIntervalSeconds}
  unicast_src_ip ${local.linkAddress}
  unicast_peer {
    ${peer.linkAddress}
  }
  virtual_ipaddress {
    ${ha.vip}/32 dev lo
  }
  track_script {
    fit
    current
  }
  track_file {
    adjust
  }
  notify "${NOTIFY_PROGRAM}"
}
`;
  return { path: KEEPALIVED_FILE, content, mode: "0644" };
}

/**
 * What systemd does beside starting keepalived: it starts it again whatever ended it, as soon as its device is there, and takes the
 * address back from one that was killed and could not.
 */
export function renderDropIn(vip: string): HostFile {
  const content = `[Unit]
After=${GRE_UNIT} ${ADDRESS_UNIT} ${AGENT_UNIT}
Wants=${AGENT_UNIT}
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=1
ExecStopPost=-/usr/bin/env ip -4 address del ${vip}/32 dev lo
ExecStopPost=-${NOTIFY_PROGRAM} INSTANCE ${INSTANCE} STOP 0
`;
  return { path: KEEPALIVED_DROP_IN, content, mode: "0644" };
}
