import type { Message } from "./resource";

/** A client that is silent for so long is asked whether it is still there, s; how often, s, and how many times in vain. */
const IDLE_SECONDS = 60;
const INTERVAL_SECONDS = 10;
const PROBES = 3;

/** Levels and names of setsockopt(2) on Linux; socket(7) and tcp(7). */
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

function option(level: number, name: number, value: number): Message {
  // Set before bind(2): Envoy ignores other states, and connections have what their listener's socket has.
  return { level, name, int_value: value, state: "STATE_PREBIND" };
}

/**
 * Has the kernel find out within 90 s that a client is gone, whether it owes data or not. The service can't: its connection comes from the
 * proxy, which is well, and a transaction of a client that has lost its power would hold its locks for ever.
 */
export const clientKeepalive: Message[] = [
  option(SOL_SOCKET, SO_KEEPALIVE, 1),
  option(IPPROTO_TCP, TCP_KEEPIDLE, IDLE_SECONDS),
  option(IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_SECONDS),
  option(IPPROTO_TCP, TCP_KEEPCNT, PROBES),
  option(IPPROTO_TCP, TCP_USER_TIMEOUT, (IDLE_SECONDS + PROBES * INTERVAL_SECONDS) * 1000),
];
