import { gatewayAddress } from "../components/sites/gcp/plan";
import { planGateways } from "../components/sites/tencent/plan";
import { GATEWAY_NAMES, OWN_LABELS, PLAIN_NAME } from "../components/sites/naming";
import type { Coordinates } from "../components/sites/site";
import { greatCircleKm } from "../providers/probes/physics";
import { placeOf as googlesPlace } from "./gcpCatalogue";
import { contains } from "./ipv4";
import { placeOf as tencentsPlace } from "./tencentCatalogue";
import type { GatewaySettings, Settings, SiteSettings } from "./schema";

/** Rules of the sites and of how they are made. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

/** The ways to make a site. Each site has the settings of exactly one of them. */
const makers = ["existing", "gcp", "tencent"] as const satisfies readonly (keyof SiteSettings)[];

/** A site's settings with its name. */
export interface NamedSite extends SiteSettings {
  readonly name: string;
}

/** The sites as far as they can be known. */
export function sitesOf({ sites }: Partial<Settings>): NamedSite[] {
  return Object.entries(sites ?? {}).map(([name, site]) => ({ name, ...site }));
}

/** Every two of a list, once. */
export function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((one, index) => items.slice(index + 1).map((other): [T, T] => [one, other]));
}

function gatewaysOfExisting({ existing }: SiteSettings): readonly GatewaySettings[] {
  return existing?.gateways ?? [];
}

/** Names of a site's gateways within it; clouds name theirs alike. */
export function gatewayNames({
  existing,
  gcp,
  tencent,
}: Pick<SiteSettings, "existing" | "gcp" | "tencent">): string[] {
  if (existing) return existing.gateways.map(({ name }) => name);
  return GATEWAY_NAMES.slice(0, (gcp ?? tencent)?.gateways ?? 0);
}

/** The address that a site's first gateway has in the site's network, or will have. */
export function firstGatewayAddress({ cidr, existing, gcp, tencent }: SiteSettings): string | undefined {
  if (existing) return existing.gateways[0]?.privateAddress;
  if (gcp) return gatewayAddress(cidr, 0);
  return tencent && planGateways(cidr, 1)[0]!.privateAddress;
}

/** MTUs of the networks that the link's packets leave by, in bytes. */
export function underlayMtus(settings: Partial<Settings>): number[] {
  return sitesOf(settings).flatMap((site) => [
    ...gatewaysOfExisting(site).map(({ mtu }) => mtu),
    ...(site.gcp ? [site.gcp.network.mtu] : []),
    ...(site.tencent ? [site.tencent.mtu] : []),
  ]);
}

/** Ports that the program's own access rules are for, by what listens there. */
export function guardedPorts({
  access,
  backup,
  postgres,
}: Partial<Settings>): { readonly port: number; readonly by: string }[] {
  return [
    ...(access ? [{ port: access.sshPort, by: "sshd" }] : []),
    ...(backup && backup !== "off" ? [{ port: backup.port, by: "the backup path's proxy" }] : []),
    ...(postgres && postgres !== "off" ? [{ port: postgres.port, by: "PostgreSQL" }] : []),
    { port: 179, by: "bgpd" },
  ];
}

const eachSiteIsMadeOneWay: Rule = (settings) =>
  sitesOf(settings).flatMap((site) => {
    const found = makers.filter((maker) => site[maker] !== undefined);
    if (found.length === 1) return [];
    const has = found.length === 0 ? "none of them" : found.join(" and ");
    return [
      `crossborder:sites.${site.name} has ${has}; it must have exactly one of ${makers.join(", ")}, which tell how it is made.`,
    ];
  });

const existingHasItsAddress: Rule = (settings) =>
  sitesOf(settings).flatMap((site) => {
    const key = `crossborder:sites.${site.name}.publicAddress`;
    if (site.existing && site.publicAddress === undefined) {
      return [`${key} is missing; with existing it must be an IPv4 address such as 198.51.100.10.`];
    }
    return !site.existing && site.publicAddress !== undefined
      ? [`${key} is ${site.publicAddress}; it must be left out: the site gets its address when it is made.`]
      : [];
  });

const namesCanBeParts: Rule = (settings) =>
  sitesOf(settings)
    .filter((site) => !site.existing && !PLAIN_NAME.test(site.name))
    .map(
      ({ name }) =>
        `crossborder:sites.${name} has a name with a "-"; a site that is made in a cloud must have 1 to 15 of a-z and 0-9, ` +
        'starting with a letter: "-" parts the names of what is made.',
    );

/**
 * Farthest that a site may be said to stand from the region that it is made in, km. A region is known by its city, and its
 * buildings may stand anywhere around that.
 */
const FARTHEST_FROM_REGION_KM = 500;

/** Where a site's cloud has the region that it is made in. */
function regionOf({ gcp, tencent }: SiteSettings): { region: string; place?: Coordinates } | undefined {
  if (gcp) return { region: gcp.region, place: googlesPlace(gcp.region) };
  return tencent && { region: tencent.region, place: tencentsPlace(tencent.region) };
}

const placesAreTheirRegions: Rule = (settings) =>
  sitesOf(settings).flatMap((site) => {
    const { region, place } = regionOf(site) ?? {};
    if (!place) return [];
    const { latitude, longitude } = site.coordinates;
    const far = greatCircleKm(site.coordinates, place);
    return far <= FARTHEST_FROM_REGION_KM
      ? []
      : [
          `crossborder:sites.${site.name}.coordinates are ${latitude}, ${longitude}, which is ${Math.round(far)} km from the region ${region}; ` +
            `they must be the region's own, about ${place.latitude}, ${place.longitude}: they tell how fast light can be.`,
        ];
  });

const publicAddressesDiffer: Rule = (settings) =>
  pairs(sitesOf(settings))
    .filter(([one, other]) => one.publicAddress !== undefined && one.publicAddress === other.publicAddress)
    .map(
      ([one, other]) =>
        `crossborder:sites.${other.name}.publicAddress is ${other.publicAddress}; it must differ from that of ${one.name}.`,
    );

const gatewaysStandInTheirSite: Rule = (settings) =>
  sitesOf(settings).flatMap((site) =>
    gatewaysOfExisting(site)
      .map((gateway, index) => ({
        gateway,
        key: `crossborder:sites.${site.name}.existing.gateways[${index}]`,
      }))
      .filter(({ gateway }) => !contains(site.cidr, gateway.privateAddress))
      .map(
        ({ gateway, key }) =>
          `${key}.privateAddress is ${gateway.privateAddress}; it must lie in the site's range ${site.cidr}.`,
      ),
  );

const gatewaysDiffer: Rule = (settings) =>
  sitesOf(settings).flatMap((site) =>
    pairs(gatewaysOfExisting(site))
      .filter(([one, other]) => one.name === other.name || one.privateAddress === other.privateAddress)
      .map(
        ([one]) =>
          `crossborder:sites.${site.name}.existing.gateways has ${one.name} twice; names and private addresses must differ.`,
      ),
  );

/** Whether the login's key was left out. One that is wrong isn't among the settings at all, and has its own sentence. */
function hasNoKey(settings: Partial<Settings>): boolean {
  return "sshPrivateKey" in settings && settings.sshPrivateKey === undefined;
}

const gatewaysHaveOneConnection: Rule = (settings) =>
  sitesOf(settings).flatMap((site) =>
    gatewaysOfExisting(site).flatMap((gateway, index) => {
      const key = `crossborder:sites.${site.name}.existing.gateways[${index}]`;
      if ((gateway.connection === undefined) === (gateway.connectionFile === undefined)) {
        return [`${key} (${gateway.name}) must have exactly one of connection and connectionFile.`];
      }
      return gateway.connection && hasNoKey(settings)
        ? [`crossborder:sshPrivateKey is missing; ${key} has a connection that needs it.`]
        : [];
    }),
  );

const machinesAreLoggedInTo: Rule = (settings) =>
  sitesOf(settings)
    .filter((site) => !site.existing && hasNoKey(settings))
    .map(
      ({ name }) =>
        `crossborder:sshPrivateKey is missing; the machines that are made for crossborder:sites.${name} are logged in to with it.`,
    );

const labelsAreOthers: Rule = ({ labels }) =>
  Object.keys(labels ?? {})
    .filter((label) => OWN_LABELS.includes(label))
    .map((label) => `crossborder:labels.${label} is the program's own label; it must have another name.`);

/** What a second gateway doesn't do, for a person. */
export function siteWarnings(settings: Settings): string[] {
  return sitesOf(settings).flatMap((site) => {
    const [first, ...others] = gatewayNames(site).map((gateway) => `${site.name}-${gateway}`);
    return others.map(
      (other) =>
        `crossborder:sites.${site.name} has a second gateway, ${other}, to which nothing is deployed yet: the link, the backup path and the ` +
        `database are on ${first} alone, and nothing of them moves to ${other} when ${first} fails.`,
    );
  });
}

/** Rules of the sites. */
export const siteRules: readonly Rule[] = [
  eachSiteIsMadeOneWay,
  existingHasItsAddress,
  namesCanBeParts,
  placesAreTheirRegions,
  publicAddressesDiffer,
  gatewaysStandInTheirSite,
  gatewaysDiffer,
  gatewaysHaveOneConnection,
  machinesAreLoggedInTo,
  labelsAreOthers,
];
