/** What the kernel said of one route, by the clock of the host. */
export interface RouteEvent {
  /** Seconds since 1970. */
  readonly at: number;
  /** Whether BGP's route is in force from here on. */
  readonly routed: boolean;
}

const line = /^\[([^\]]+)\] (Deleted )?(?:(?:unreachable|blackhole|prohibit) )?(\S+)(.*)$/;

/**
 * Reads what `ip -ts monitor route` wrote in UTC. A route that takes BGP's place is told without a word of the former one.
 * @param prefix The destination that counts, e.g. `10.20.0.0/24`.
 */
export function parseRouteMonitor(text: string, prefix: string): RouteEvent[] {
  const events: RouteEvent[] = [];
  for (const said of text.split("\n")) {
    const [, stamp, deleted, destination, rest = ""] = line.exec(said) ?? [];
    if (stamp === undefined || destination !== prefix) continue;
    const byBgp = / proto bgp\b/.test(rest);
    // The going of another protocol's route says nothing about BGP's.
    if (deleted && !byBgp) continue;
    // Date reads milliseconds; the microseconds after them are less than the clocks' difference.
    events.push({ at: Date.parse(`${stamp.slice(0, 23)}Z`) / 1000, routed: byBgp && !deleted });
  }
  return events;
}

/** When BGP's route went, for the first time at or after a moment; undefined when it stayed. */
export function lostAfter(events: readonly RouteEvent[], at: number): number | undefined {
  return events.find((event) => !event.routed && event.at >= at)?.at;
}
