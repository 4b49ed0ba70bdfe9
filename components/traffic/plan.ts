import type * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import { nearestRegion } from "../../settings/gcpCatalogue";
import type { Settings, SiteSettings, TrafficSettings } from "../../settings/schema";

/**
 * Where Cloud DNS's probers stand: exactly three regions (Compute Engine's `sourceRegions`). Three continents, so that trouble
 * near one of them doesn't take a site out.
 */
export const PROBED_FROM = ["us-central1", "europe-west1", "asia-southeast1"] as const;

/** Checks in a row that change what is thought of a site. */
export const CHECKS_IN_A_ROW = 2;

/** Longest wait for the answer to a check, s: some probers are an ocean away, and HTTPS takes four round trips. */
const TIMEOUT_SECONDS = 5;

/** A site that users are sent to. */
export interface Target {
  readonly site: string;
  /** The site's public address. */
  readonly address: pulumi.Input<string>;
  /** Google's region that the site counts as standing in. */
  readonly location: string;
  /** Its share of the users; undefined where users go by place. */
  readonly share?: number;
}

/** Name of the health check. Nothing of a site has it: a site's name is followed by what the thing is. */
export function checkName(stack: string): string {
  return `${stack}-users`;
}

/** The region that a site counts as standing in: what the settings say, its own, or the nearest. */
export function locationOf(
  name: string,
  { gcp: made, coordinates }: Pick<SiteSettings, "gcp" | "coordinates">,
  { locations }: Pick<TrafficSettings, "locations">,
): string {
  return locations[name] ?? made?.region ?? nearestRegion(coordinates);
}

/** The project of the zone, as far as it can be known. */
export function projectOf(
  { project }: Pick<TrafficSettings, "project">,
  sites: Settings["sites"],
): string | undefined {
  return project ?? Object.values(sites).find(({ gcp: made }) => made)?.gcp?.project;
}

/** Names of the sites that new users are sent to: those that are neither drained nor out of service. */
export function servingSites({ drain }: Pick<TrafficSettings, "drain">, sites: Settings["sites"]): string[] {
  return Object.entries(sites)
    .filter(([name, { outOfService }]) => name !== drain && !outOfService)
    .map(([name]) => name);
}

/**
 * The record's policy. By place, a site that isn't well is passed over for the next nearest one, which a geofence would
 * forbid; by shares, the others take what was its own.
 */
export function routingPolicy(
  targets: readonly Target[],
  healthCheck: pulumi.Input<string>,
): gcp.types.input.dns.RecordSetRoutingPolicy {
  const shares = targets.flatMap(({ share, address }) =>
    share === undefined ? [] : [{ weight: share, healthCheckedTargets: { externalEndpoints: [address] } }],
  );
  if (shares.length > 0) return { healthCheck, wrrs: shares };
  return {
    healthCheck,
    enableGeoFencing: false,
    geos: targets.map(({ location, address }) => ({
      location,
      healthCheckedTargets: { externalEndpoints: [address] },
    })),
  };
}

/** How it is told whether a site is well: at the users' own port, since no ranges of the probers are known that could be let in. */
export function healthCheck({
  name,
  port,
  check,
}: Pick<TrafficSettings, "name" | "port" | "check">): gcp.compute.HealthCheckArgs {
  const asked = { port, portSpecification: "USE_FIXED_PORT" };
  const request = { ...asked, host: name, requestPath: check.path ?? "/" };
  return {
    sourceRegions: [...PROBED_FROM],
    checkIntervalSec: check.intervalSeconds,
    timeoutSec: TIMEOUT_SECONDS,
    healthyThreshold: CHECKS_IN_A_ROW,
    unhealthyThreshold: CHECKS_IN_A_ROW,
    ...(check.protocol === "tcp" && { tcpHealthCheck: asked }),
    ...(check.protocol === "http" && { httpHealthCheck: request }),
    ...(check.protocol === "https" && { httpsHealthCheck: request }),
  };
}
