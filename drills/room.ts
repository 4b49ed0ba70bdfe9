import { type Bounds, type Drill, usualTimeoutMs } from "./model";

/**
 * The drill as a computer that is slow or busy can hold it: so many times the time, for bounds and for clients' patience. Requests and
 * promises have no room.
 */
export function withRoom(drill: Drill, factor: number): Drill {
  const times = ["crossSiteMs", "takeoverMs", "healMs"] as const;
  const wider = times.flatMap((name): [keyof Bounds, number][] => {
    const bound = drill.bounds[name];
    return bound === undefined ? [] : [[name, bound * factor]];
  });
  return {
    ...drill,
    bounds: { ...drill.bounds, ...Object.fromEntries(wider) },
    clientTimeoutMs: (drill.clientTimeoutMs ?? usualTimeoutMs) * factor,
  };
}
