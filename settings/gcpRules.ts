import { keptAddresses, LONGEST_PREFIX, nextHopAddress, planMachines } from "../components/sites/gcp/plan";
import { GATEWAY_NAMES } from "../components/sites/naming";
import type { GcpSettings } from "./gcp";
import {
  disksFor,
  HYPERDISK_BASELINE,
  HYPERDISK_IOPS_PER_GB,
  HYPERDISK_IOPS_PER_MIBPS,
  IOPS_PER_GB,
  machineSeries,
  regions,
  seriesOf,
  zonesOf,
} from "./gcpCatalogue";
import { contains, covers, prefixLength } from "./ipv4";
import type { Settings } from "./schema";
import { pairs, sitesOf } from "./sites";

/** Rules of sites on Google Cloud. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

/** One site on Google Cloud, as the rules below look at it. */
interface GcpSiteSettings {
  readonly cidr: string;
  readonly gcp: GcpSettings;
  /** `crossborder:sites.la.gcp` */
  readonly key: string;
  /** `crossborder:sites.la.cidr` */
  readonly cidrKey: string;
}

/** Ranges that belong to nobody on the Internet, for the sites' own networks (RFC 1918, RFC 6598). */
const PRIVATE_RANGES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

function forEachSite(check: (site: GcpSiteSettings) => string[]): Rule {
  return (settings) =>
    sitesOf(settings).flatMap(({ name, cidr, gcp }) => {
      const key = `crossborder:sites.${name}`;
      return gcp ? check({ cidr, gcp, key: `${key}.gcp`, cidrKey: `${key}.cidr` }) : [];
    });
}

const zonesAreOfTheRegion = forEachSite(({ gcp, key }) => {
  const known = zonesOf(gcp.region);
  if (!known) {
    return [`${key}.region is "${gcp.region}"; it must be a region of Google Cloud: ${regions.join(", ")}.`];
  }
  const named = [
    ...gcp.zones.map((zone, index) => ({ zone, at: `${key}.zones[${index}]` })),
    ...gcp.hosts.flatMap(({ zone }, index) => (zone ? [{ zone, at: `${key}.hosts[${index}].zone` }] : [])),
  ];
  return named
    .filter(({ zone }) => !known.includes(zone))
    .map(
      ({ zone, at }) =>
        `${at} is "${zone}"; it must be a zone of the region ${gcp.region}: ${known.join(", ")}.`,
    );
});

const rangeCanBeASubnet = forEachSite(({ cidr, cidrKey }) => [
  ...(prefixLength(cidr) > LONGEST_PREFIX
    ? [
        `${cidrKey} is ${cidr}; with gcp it must be at most a /${LONGEST_PREFIX}: Google keeps four addresses of it.`,
      ]
    : []),
  ...(PRIVATE_RANGES.some((range) => covers(range, cidr))
    ? []
    : [`${cidrKey} is ${cidr}; with gcp it must lie in one of ${PRIVATE_RANGES.join(", ")}.`]),
]);

const seriesTakesTheDisk = forEachSite(({ gcp, key }) => {
  const named = [
    { machineType: gcp.machineType, at: `${key}.machineType` },
    ...gcp.hosts.flatMap(({ machineType }, index) =>
      machineType ? [{ machineType, at: `${key}.hosts[${index}].machineType` }] : [],
    ),
  ];
  return named.flatMap(({ machineType, at }) => {
    const disks = disksFor(machineType);
    if (!disks) {
      return [`${at} is "${machineType}"; its series must be one of ${machineSeries.join(", ")}.`];
    }
    return disks.includes(gcp.disk.type)
      ? []
      : [
          `${key}.disk.type is "${gcp.disk.type}", which the series ${seriesOf(machineType)} of ${at} doesn't take; ` +
            `it must be one of ${disks.join(", ")}.`,
        ];
  });
});

const performanceCanBeProvisioned = forEachSite(({ gcp, key }) => {
  const { type, sizeGb, iops, throughputMiBps } = gcp.disk;
  const perGb = IOPS_PER_GB[type];
  if (perGb !== undefined) {
    const found: string[] = [];
    if (iops !== undefined) {
      found.push(
        `${key}.disk.iops is ${iops}; with ${type} it must be left out: that has ${perGb} IOPS for each GB, ` +
          `${perGb * sizeGb} of ${sizeGb} GB, and none to provision.`,
      );
    }
    if (throughputMiBps !== undefined) {
      found.push(
        `${key}.disk.throughputMiBps is ${throughputMiBps}; with ${type} it must be left out: that has none to provision.`,
      );
    }
    return found;
  }
  const most = HYPERDISK_IOPS_PER_GB * sizeGb;
  const found: string[] = [];
  if (iops !== undefined && iops > most) {
    found.push(
      `${key}.disk.iops is ${iops}; it must be at most ${most}: ${HYPERDISK_IOPS_PER_GB} for each of ${sizeGb} GB.`,
    );
  }
  const has = iops ?? HYPERDISK_BASELINE.iops;
  const fastest = Math.floor(has / HYPERDISK_IOPS_PER_MIBPS);
  if (throughputMiBps !== undefined && throughputMiBps > fastest) {
    found.push(
      `${key}.disk.throughputMiBps is ${throughputMiBps}; it must be at most ${fastest}: ` +
        `one for each ${HYPERDISK_IOPS_PER_MIBPS} of ${has} IOPS.`,
    );
  }
  return found;
});

const hostsHaveTheirPlace = forEachSite(({ cidr, gcp, key, cidrKey }) => {
  if (prefixLength(cidr) > LONGEST_PREFIX) return [];
  // The places of both gateways and of their load balancer stay free, so that a second gateway can be added.
  const both = planMachines(cidr, { ...gcp, gateways: 2, hosts: [] }).gateways;
  const kept = [
    ...keptAddresses(cidr),
    ...both.map(({ privateAddress }) => privateAddress),
    nextHopAddress(cidr),
  ];
  return gcp.hosts.flatMap(({ name, privateAddress }, index) => {
    const at = `${key}.hosts[${index}]`;
    const named = GATEWAY_NAMES.some((gateway) => gateway === name)
      ? [`${at}.name is ${name}; it must be none of ${GATEWAY_NAMES.join(", ")}, the gateways' names.`]
      : [];
    if (!contains(cidr, privateAddress)) {
      return [
        ...named,
        `${at}.privateAddress is ${privateAddress}; it must lie in ${cidrKey}, which is ${cidr}.`,
      ];
    }
    return kept.includes(privateAddress)
      ? [
          ...named,
          `${at}.privateAddress is ${privateAddress}; it must be none of ${kept.join(", ")}, which Google or the gateways have.`,
        ]
      : named;
  });
});

const hostsDiffer = forEachSite(({ gcp, key }) =>
  pairs(gcp.hosts)
    .filter(([one, other]) => one.name === other.name || one.privateAddress === other.privateAddress)
    .map(
      ([one, other]) =>
        `${key}.hosts has ${one.name} at ${one.privateAddress} and ${other.name} at ${other.privateAddress}; ` +
        "their names and addresses must differ.",
    ),
);

/** Rules of sites on Google Cloud. */
export const gcpRules: readonly Rule[] = [
  zonesAreOfTheRegion,
  rangeCanBeASubnet,
  seriesTakesTheDisk,
  performanceCanBeProvisioned,
  hostsHaveTheirPlace,
  hostsDiffer,
];
