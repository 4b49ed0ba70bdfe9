import type { HaSettings } from "../../settings/schema";

const LIBRARY = "/usr/local/lib/crossborder/ha";

/** keepalived's check of heartbeats, and what it calls when its state changes. */
export const CHECK_PROGRAM = `${LIBRARY}/check.sh`;
export const NOTIFY_PROGRAM = `${LIBRARY}/notify.sh`;

/** The agent: `ha_agent.py run | status | pin | release <configuration>`. */
export const AGENT_PROGRAM = `${LIBRARY}/ha_agent.py`;
export const AGENT_LIBRARY = LIBRARY;
export const AGENT_UNIT = "crossborder-ha.service";

/** What the agent is to look at and to do, the operator's webhook included. */
export const AGENT_CONFIGURATION = "/etc/crossborder/ha.json";

/** Where the pair's programs meet on a gateway: states, heartbeats, and what keepalived adds to its priority. */
export const RUN_DIRECTORY = "/run/crossborder-ha";

/** What the operator decided by hand. Survives reboots and deployments; only `release` takes it back. */
export const PIN_DIRECTORY = "/var/lib/crossborder/ha-pin";
export const PIN_FILE = `${PIN_DIRECTORY}/pin.json`;

/** What the agent last saw and decided, as JSON; `role` is in it. */
export const AGENT_STATE_FILE = `${RUN_DIRECTORY}/state.json`;

/** keepalived's instance, as the pair's notifications name it. */
export const INSTANCE = "VI_1";

/** The number in it is added to the gateway's VRRP priority. Written by the agent, watched by keepalived. */
export const ADJUST_FILE = `${RUN_DIRECTORY}/adjust`;

/**
 * A heartbeat is a file named after what is well, with the host's uptime in whole seconds, written again and again by whoever
 * looks after the thing. Uptime, because a clock that is stepped must not make the sick look well.
 */
export const HEARTBEATS = `${RUN_DIRECTORY}/heartbeats`;

/** Oldest heartbeat that counts, s: several looks of its writer, which a busy machine may keep waiting. */
export const HEARTBEAT_SECONDS = 5;

/** Heartbeats that a gateway needs to be as good as it can be. */
export interface Heartbeats {
  /** Without one of them the gateway can't serve: `proxy` is the agent's own, from Envoy's answer. */
  readonly fit: readonly string[];
  /** Without one of them its data may be old: `link` is the agent's own, and all that there is without a database. */
  readonly current: readonly string[];
}

/** What the agent looks after by itself. */
export const ownHeartbeats: Heartbeats = { fit: ["proxy"], current: ["link"] };

/** How much each finding moves a gateway's priority. */
export interface Weights {
  /** Taken off while the data may be old: a primary that returns stays below a secondary that serves. */
  readonly behind: number;
  /** Taken off while the gateway can't serve: more than being behind, since old data are better than none. */
  readonly unfit: number;
  /** Added on the side that a switchover prefers: less than what an unfit or outdated one loses. */
  readonly preferred: number;
  /** Added on the side that is pinned: more than everything else together. */
  readonly pinned: number;
}

/** Room between a gateway with a finding and the other, beside the difference of their own priorities. */
const MARGIN = 10;

/**
 * The weights that keep their order for any two priorities. No check has a weight of its own choice, and none is without: one that
 * is makes keepalived give up (FAULT), on both sides when the cause is on both.
 */
export function weightsFor({ primary, secondary }: HaSettings["priorities"]): Weights {
  const step = primary - secondary + MARGIN;
  return { behind: step, unfit: 2 * step, preferred: step, pinned: 4 * step };
}

/** Highest priority that keepalived gives a router that doesn't own the address (RFC 5798, section 5.2.4). */
export const HIGHEST_PRIORITY = 254;

/** Time from the master's last advertisement to the backup's takeover, in seconds (RFC 5798, section 6.1). */
export function takeoverSeconds({ advertIntervalSeconds, priorities }: HaSettings): number {
  const skew = ((256 - priorities.secondary) * advertIntervalSeconds) / 256;
  return 3 * advertIntervalSeconds + skew;
}
