/** How a site's services reach the other site. */
export type Path = "tunnel" | "backup" | "none";

/** A look at the path of one site. */
export interface PathSample {
  readonly site: string;
  /** In ms since 1970. */
  readonly at: number;
  readonly path: Path;
  /** What the site's keeper called it. */
  readonly state: string;
}

/** A site's keeper that came to another state. */
export interface StateChange {
  readonly site: string;
  /** In ms from the first fault on. */
  readonly afterMs: number;
  readonly state: string;
}

const minuteMs = 60_000;

/** When a site's path changed, in ms since 1970. */
export function pathChanges(samples: readonly PathSample[], site: string): number[] {
  const own = samples.filter((sample) => sample.site === site).sort((a, b) => a.at - b.at);
  return own.filter(({ path }, index) => index > 0 && own[index - 1]!.path !== path).map(({ at }) => at);
}

/** What the sites' keepers made of it, from a moment on. */
export function stateChanges(samples: readonly PathSample[], moment: number): StateChange[] {
  const sites = [...new Set(samples.map(({ site }) => site))];
  const changes = sites.flatMap((name) => {
    const own = samples.filter(({ site }) => site === name).sort((a, b) => a.at - b.at);
    return own.filter(({ state }, index) => index > 0 && own[index - 1]!.state !== state);
  });
  return changes
    .filter(({ at }) => at >= moment)
    .map(({ site, at, state }) => ({ site, afterMs: at - moment, state }))
    .sort((a, b) => a.afterMs - b.afterMs);
}

/** The most changes of one site's path within any minute. */
export function pathChangesPerMinute(samples: readonly PathSample[]): number {
  const sites = [...new Set(samples.map(({ site }) => site))];
  const counts = sites.flatMap((site) => {
    const times = pathChanges(samples, site);
    return times.map((time) => times.filter((other) => other >= time && other < time + minuteMs).length);
  });
  return Math.max(0, ...counts);
}

/** From a moment until every site's path is the tunnel for good, in ms; undefined when one isn't in the end. */
export function backOnTunnelAfter(samples: readonly PathSample[], moment: number): number | undefined {
  const sites = [...new Set(samples.map(({ site }) => site))];
  const times = sites.map((site) => {
    const own = samples.filter((sample) => sample.site === site && sample.at >= moment);
    const last = own.map(({ path }) => path !== "tunnel").lastIndexOf(true);
    return own[last + 1]?.at;
  });
  if (times.length === 0 || times.some((time) => time === undefined)) return undefined;
  return Math.max(...times.map((time) => time! - moment));
}
