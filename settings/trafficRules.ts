import { servicesOf } from "../components/backup/service";
import { pairServices, portOf } from "../components/ha/service";
import { locationOf, projectOf, servingSites } from "../components/traffic/plan";
import { regions } from "./gcpCatalogue";
import type { Settings, TrafficSettings } from "./schema";
import { guardedPorts, pairs, sitesOf } from "./sites";

/** Rules between the settings of the users' traffic and the others. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

const KEY = "crossborder:traffic";

/** A rule for stacks that lead users. The sites are those that are known. */
function whileOn(
  check: (traffic: TrafficSettings, sites: Settings["sites"], settings: Partial<Settings>) => string[],
): Rule {
  return (settings) => {
    const { traffic, sites } = settings;
    return !traffic || traffic === "off" || !sites ? [] : check(traffic, sites, settings);
  };
}

const zoneHasAProject = whileOn((traffic, sites) =>
  projectOf(traffic, sites) === undefined
    ? [
        `${KEY}.project is missing; with no site on Google Cloud it must be the id of the project that has the zone ${traffic.zone}.`,
      ]
    : [],
);

const sitesAreNamed = whileOn(({ locations, split, drain }, sites) => {
  const named = [
    ...Object.keys(locations).map((site) => ({ site, at: `${KEY}.locations has` })),
    ...Object.keys(split ?? {}).map((site) => ({ site, at: `${KEY}.split has` })),
    ...(drain === undefined ? [] : [{ site: drain, at: `${KEY}.drain is` }]),
  ];
  return named
    .filter(({ site }) => !(site in sites))
    .map(({ site, at }) => `${at} "${site}"; it must be one of the sites: ${Object.keys(sites).join(", ")}.`);
});

const splitIsWhole = whileOn(({ split }, sites) =>
  Object.keys(sites)
    .filter((site) => split && !(site in split))
    .map(
      (site) =>
        `${KEY}.split has no share for ${site}; it must have one for each site, and ${KEY}.drain takes a site out.`,
    ),
);

const locationsAreRegions = whileOn(({ locations }) =>
  Object.entries(locations)
    .filter(([, location]) => !regions.includes(location))
    .map(
      ([site, location]) =>
        `${KEY}.locations.${site} is "${location}"; it must be a region of Google Cloud: ${regions.join(", ")}.`,
    ),
);

const locationsDiffer = whileOn((traffic, sites) => {
  if (traffic.split) return [];
  const placed = Object.entries(sites).map(([name, site]) => ({
    name,
    location: locationOf(name, site, traffic),
  }));
  return pairs(placed)
    .filter(([one, other]) => one.location === other.location)
    .map(
      ([one, other]) =>
        `${KEY}.locations has ${one.location} for ${one.name} and ${other.name}, given or by their places; ` +
        `they must differ, or ${KEY}.split must divide the users.`,
    );
});

const somebodyServes = whileOn(({ drain }, sites) =>
  servingSites({ drain }, sites).length > 0 || drain === undefined || !(drain in sites)
    ? []
    : [
        `${KEY}.drain is "${drain}", and the other site is out of service; it must be left out: nobody would serve users.`,
      ],
);

const pathIsAsked = whileOn(({ check: { protocol, path } }) =>
  protocol === "tcp" && path !== undefined
    ? [`${KEY}.check.path is "${path}"; with protocol tcp it must be left out: nothing is asked for.`]
    : [],
);

/** Ports of the gateways' proxy on their private addresses, by the service that it is for. */
function proxyPorts(
  sites: Settings["sites"],
  { services = {}, backup, ha = "off" }: Partial<Settings>,
): { readonly port: number; readonly service: string }[] {
  if (backup === "off") return [];
  return [...servicesOf({ services, sites }), ...pairServices({ sites, ha })].flatMap((service) => [
    { port: service.localPort, service: service.name },
    ...(service.listen === "site" ? [{ port: portOf(service), service: service.name }] : []),
  ]);
}

const portIsTheUsers = whileOn(({ port }, sites, settings) => {
  const taken = [
    ...guardedPorts(settings).map((one) => ({ port: one.port, by: `${one.by}'s` })),
    ...proxyPorts(sites, settings).map((one) => ({
      port: one.port,
      by: `the gateways' proxy's, for the service ${one.service}`,
    })),
  ];
  return taken
    .filter((one) => one.port === port)
    .map(({ by }) => `${KEY}.port is ${port}, which is ${by}; it must be another, open to everybody.`);
});

/** Rules of the users' traffic. */
export const trafficRules: readonly Rule[] = [
  zoneHasAProject,
  sitesAreNamed,
  splitIsWhole,
  locationsAreRegions,
  locationsDiffer,
  somebodyServes,
  pathIsAsked,
  portIsTheUsers,
];

/** What is allowed but not all that it seems. */
export const trafficWarnings = whileOn((_traffic, _sites, settings) =>
  sitesOf(settings)
    .filter(({ tencent }) => tencent && tencent.accelerator !== "off")
    .map(
      ({ name }) =>
        `${KEY} leads users to ${name}'s own address, past crossborder:sites.${name}.tencent.accelerator.`,
    ),
);
