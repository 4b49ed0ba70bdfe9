import type { IpsecSettings } from "../../../settings/schema";
import type { HostFile } from "../../host/manifest";
import type { LinkView } from "../ends";
import { acquireSeconds, dpdDelaySeconds } from "../timers";
import { cryptoProfiles } from "./profiles";

/** Name of the connection in swanctl. */
export const CONNECTION = "peer";
/** Name of its child, the SA that carries GRE. */
export const CHILD = "gre";

export const CONNECTIONS_FILE = "/etc/swanctl/conf.d/crossborder.conf";
export const SECRETS_FILE = "/etc/swanctl/conf.d/crossborder-secrets.conf";
export const CHARON_FILE = "/etc/strongswan.d/crossborder.conf";

/** The pre-shared keys of a link, base64. */
export interface PreSharedKeys {
  /** Authenticates this end. */
  readonly send: string;
  /** Accepted from the peer beside it, while keys rotate. */
  readonly accept: readonly string[];
}

/**
 * The IKEv2 connection: transport mode narrowed to GRE, always in UDP because both clouds translate addresses. Only the
 * initiator starts it, and its trap policy starts it again whenever GRE has something to say; the responder needs none,
 * because the firewall drops GRE that has no SA.
 */
export function renderConnections({ local, peer }: LinkView, ipsec: IpsecSettings): HostFile {
  const profile = cryptoProfiles[ipsec.profile];
  const content = `connections {
  ${CONNECTION} {
    version = 2
    local_addrs = ${local.privateAddress}
    remote_addrs = ${peer.publicAddress}
    proposals = ${profile.ike}
    encap = yes
    mobike = no
    keyingtries = 0
    dpd_delay = ${dpdDelaySeconds(local.initiator, ipsec)}s
    rekey_time = ${ipsec.ikeRekeyMinutes}m
    local {
      auth = psk
      id = ${local.host}
    }
    remote {
      auth = psk
      id = ${peer.host}
    }
    children {
      ${CHILD} {
        mode = transport
        local_ts = dynamic[gre]
        remote_ts = dynamic[gre]
        esp_proposals = ${profile.espProposal}
        rekey_time = ${ipsec.espRekeyMinutes}m
        start_action = ${local.initiator ? "trap|start" : "none"}
        dpd_action = ${local.initiator ? "restart" : "clear"}
        close_action = ${local.initiator ? "trap|start" : "none"}
        replay_window = 1024
      }
    }
  }
}
`;
  return { path: CONNECTIONS_FILE, content, mode: "0644" };
}

/**
 * The pre-shared keys. charon authenticates itself with the key whose identities match best and tries every key that
 * matches at all for the peer, so the key in use names both ends and those merely accepted name none.
 */
export function renderSecrets({ local, peer }: LinkView, keys: PreSharedKeys): HostFile {
  const accepted = keys.accept.map(
    (key, index) => `  ike-accepted-${index + 1} {
    secret = 0s${key}
  }
`,
  );
  const content = `secrets {
  ike-current {
    id-local = ${local.host}
    id-peer = ${peer.host}
    secret = 0s${keys.send}
  }
${accepted.join("")}}
`;
  return { path: SECRETS_FILE, content, mode: "0600" };
}

/**
 * The daemon's own settings. Retransmissions come at a steady pace instead of growing apart, so that a path that
 * returns is noticed within one of them. Routes are FRR's business, not charon's.
 */
export function renderCharon(ipsec: IpsecSettings): HostFile {
  const content = `charon-systemd {
  install_routes = no
  keep_alive = 20s
  make_before_break = yes
  retransmit_base = 1.0
  retransmit_timeout = ${ipsec.retransmitSeconds.toFixed(1)}
  retransmit_tries = ${ipsec.retransmitTries}
  plugins {
    kernel-netlink {
      xfrm_acq_expires = ${acquireSeconds(ipsec)}
    }
  }
}
`;
  return { path: CHARON_FILE, content, mode: "0644" };
}
