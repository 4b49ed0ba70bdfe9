import { LONGEST_STACK } from "../components/sites/naming";
import { covers, prefixLength } from "./ipv4";
import type { Settings } from "./schema";
import { guardedPorts, sitesOf } from "./sites";
import type { TencentSettings } from "./tencent";
import {
  disksFor,
  families,
  HIGHEST_BANDWIDTH,
  instanceTypeOf,
  LONGEST_KEY_NAME,
  LONGEST_PREFIX,
  NETWORK_RANGES,
  regions,
  systemOf,
  zonesOf,
} from "./tencentCatalogue";

/** Rules of sites on Tencent Cloud. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

/** One site on Tencent Cloud, as the rules below look at it. */
interface TencentSiteSettings {
  readonly name: string;
  readonly cidr: string;
  readonly tencent: TencentSettings;
  /** `crossborder:sites.sg.tencent` */
  readonly key: string;
  /** The other settings, as far as they can be known. */
  readonly all: Partial<Settings>;
}

/** The longest name of a site: a key pair is called after the stack, which may have the longest name, and the site. */
const LONGEST_SITE = LONGEST_KEY_NAME - LONGEST_STACK - 1;

function forEachSite(check: (site: TencentSiteSettings) => string[]): Rule {
  return (all) =>
    sitesOf(all).flatMap(({ name, cidr, tencent }) =>
      tencent ? check({ name, cidr, tencent, key: `crossborder:sites.${name}.tencent`, all }) : [],
    );
}

const nameFitsTheKeyPair = forEachSite(({ name }) =>
  name.length <= LONGEST_SITE
    ? []
    : [
        `crossborder:sites.${name} has a name of ${name.length} characters; with tencent it must have at most ${LONGEST_SITE}: ` +
          `Tencent's names of key pairs end at ${LONGEST_KEY_NAME}.`,
      ],
);

const zoneIsOfTheRegion = forEachSite(({ tencent: { region, zone }, key }) => {
  const known = zonesOf(region);
  if (!known) {
    return [`${key}.region is "${region}"; it must be a region of Tencent Cloud: ${regions.join(", ")}.`];
  }
  return known.includes(zone)
    ? []
    : [`${key}.zone is "${zone}"; it must be a zone of the region ${region}: ${known.join(", ")}.`];
});

const rangeCanBeANetwork = forEachSite(({ name, cidr }) => {
  const key = `crossborder:sites.${name}.cidr`;
  const home = NETWORK_RANGES.find(({ range }) => covers(range, cidr));
  if (!home) {
    const ranges = NETWORK_RANGES.map(({ range }) => range).join(", ");
    return [`${key} is ${cidr}; with tencent it must lie in one of ${ranges}.`];
  }
  const length = prefixLength(cidr);
  return length < home.shortest || length > LONGEST_PREFIX
    ? [
        `${key} is ${cidr}; with tencent it must be a /${home.shortest} to a /${LONGEST_PREFIX}: Tencent makes no other networks.`,
      ]
    : [];
});

const instanceTypeExists = forEachSite(({ tencent: { instanceType }, key }) => {
  const { processors, memory } = instanceTypeOf(instanceType);
  return memory >= processors
    ? []
    : [
        `${key}.instanceType is "${instanceType}", which would have ${memory} GB for ${processors} processors; ` +
          "its last number must be the memory in GB, such as in S5.LARGE8.",
      ];
});

const familyTakesTheDisk = forEachSite(({ tencent: { instanceType, disk }, key }) => {
  const disks = disksFor(instanceType);
  if (!disks) {
    return [`${key}.instanceType is "${instanceType}"; its family must be one of ${families.join(", ")}.`];
  }
  return disks.includes(disk.type)
    ? []
    : [
        `${key}.disk.type is "${disk.type}", which the family ${instanceTypeOf(instanceType).family} doesn't take; ` +
          `it must be one of ${disks.join(", ")}.`,
      ];
});

const endOfLifeIsAcknowledged = forEachSite(({ tencent: { os, acknowledgeEndOfLife }, key }) => {
  const { endOfLife } = systemOf(os);
  return endOfLife && !acknowledgeEndOfLife
    ? [
        `${key}.os is "${os}", which has had no repairs since ${endOfLife}; it needs ${key}.acknowledgeEndOfLife: true.`,
      ]
    : [];
});

const packageAndChargeGoTogether = forEachSite(({ tencent: { address, bandwidthPackage }, key }) => {
  const charged = address.chargeType === "BANDWIDTH_PACKAGE";
  if (charged === (bandwidthPackage !== "off")) return [];
  return [
    charged
      ? `${key}.address.chargeType is "BANDWIDTH_PACKAGE", but ${key}.bandwidthPackage is "off"; it must be on.`
      : `${key}.address.chargeType is "${address.chargeType}"; it must be BANDWIDTH_PACKAGE, because ${key}.bandwidthPackage is on.`,
  ];
});

const bandwidthIsForSale = forEachSite(({ tencent: { address }, key }) => {
  const highest = HIGHEST_BANDWIDTH[address.chargeType];
  return address.bandwidthMbps <= highest
    ? []
    : [
        `${key}.address.bandwidthMbps is ${address.bandwidthMbps}; with chargeType ${address.chargeType} it must be at most ${highest}.`,
      ];
});

const anycastStandsAlone = forEachSite(({ tencent: { address }, key }) => {
  if (address.kind === "AnycastEIP") {
    return address.chargeType === "BANDWIDTH_PACKAGE"
      ? [
          `${key}.address.kind is "AnycastEIP", whose bandwidth packages are not made here; ${key}.address.chargeType must be another.`,
        ]
      : [];
  }
  return address.anycastZone === undefined
    ? []
    : [
        `${key}.address.anycastZone is "${address.anycastZone}"; it must be left out, because ${key}.address.kind is "${address.kind}".`,
      ];
});

const publicPortsGuardNothing = forEachSite(({ tencent: { publicPorts }, key, all }) =>
  guardedPorts(all)
    .filter(({ port }) => publicPorts.includes(port))
    .map(
      ({ port, by }) => `${key}.publicPorts has ${port}, which is ${by}'s; it must be open to nobody else.`,
    ),
);

const acceleratedPortsAreOpen = forEachSite(({ tencent: { accelerator, publicPorts }, key }) => {
  if (accelerator === "off") return [];
  const shut = accelerator.ports.filter((port) => !publicPorts.includes(port));
  const twice = accelerator.areas
    .map(({ region }) => region)
    .filter((area, index, all) => all.indexOf(area) !== index);
  return [
    ...shut.map(
      (port) =>
        `${key}.accelerator.ports has ${port}; it must name ports of ${key}.publicPorts: ` +
        `${publicPorts.join(", ") || "none"}.`,
    ),
    ...twice.map((area) => `${key}.accelerator.areas has ${area} twice; each region must be named once.`),
  ];
});

/** Rules of sites on Tencent Cloud. */
export const tencentRules: readonly Rule[] = [
  nameFitsTheKeyPair,
  zoneIsOfTheRegion,
  rangeCanBeANetwork,
  instanceTypeExists,
  familyTakesTheDisk,
  endOfLifeIsAcknowledged,
  packageAndChargeGoTogether,
  bandwidthIsForSale,
  anycastStandsAlone,
  publicPortsGuardNothing,
  acceleratedPortsAreOpen,
];

/** What is allowed but unwise, or not all that it seems. */
export const tencentWarnings = forEachSite(({ tencent: { os, gateways }, key }) => {
  const { endOfLife, caveat } = systemOf(os);
  return [
    ...(endOfLife
      ? [`${key}.os is "${os}": nobody has repaired it since ${endOfLife}${caveat ? `, and ${caveat}` : ""}.`]
      : []),
    ...(gateways > 1
      ? [
          `${key}.gateways is ${gateways}: the routes lead to a HaVip, which no software of this program claims yet: with it, hosts of the site don't reach the other one.`,
        ]
      : []),
  ];
});
