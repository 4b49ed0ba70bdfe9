import { cryptoProfiles } from "../components/link/ipsec/profiles";
import { largestMtu, packetOnUnderlay } from "../components/link/mtu";
import { rttFloorMs } from "../providers/probes/physics";
import { backupRules, backupWarnings } from "./backup";
import { gcpRules } from "./gcpRules";
import { haRules } from "./ha";
import { postgresRules } from "./postgresRules";
import { overlap, prefixLength } from "./ipv4";
import type { Settings } from "./schema";
import { outOfServiceRules, outOfServiceWarnings } from "./outOfService";
import { tencentRules, tencentWarnings } from "./tencentRules";
import { trafficRules, trafficWarnings } from "./trafficRules";
import { pairs, siteRules, sitesOf, siteWarnings, underlayMtus } from "./sites";

/** The settings whose own keys were valid; rules look only at what is there. */
export type Checked = Partial<Settings>;
type Rule = (settings: Checked) => string[];

const primaryIsASite: Rule = ({ primary, sites }) =>
  primary === undefined || sites === undefined || primary in sites
    ? []
    : [`crossborder:primary is "${primary}"; it must be one of the sites: ${Object.keys(sites).join(", ")}.`];

const rangesDoNotOverlap: Rule = (settings) => {
  const ranges = sitesOf(settings).map((site) => ({
    key: `crossborder:sites.${site.name}.cidr`,
    cidr: site.cidr,
  }));
  if (settings.link) ranges.push({ key: "crossborder:link.network", cidr: settings.link.network });
  return pairs(ranges)
    .filter(([one, other]) => overlap(one.cidr, other.cidr))
    .map(
      ([one, other]) =>
        `${other.key} is ${other.cidr}; it must not overlap ${one.key}, which is ${one.cidr}.`,
    );
};

const linkNetworkIsAPair: Rule = ({ link }) =>
  link === undefined || prefixLength(link.network) === 30
    ? []
    : [`crossborder:link.network is ${link.network}; it must be a /30: one address for each end.`];

const autonomousSystemsDiffer: Rule = (settings) =>
  pairs(sitesOf(settings))
    .filter(([one, other]) => one.asn === other.asn)
    .map(
      ([one, other]) =>
        `crossborder:sites.${other.name}.asn is ${other.asn}; it must differ from that of ${one.name}: the link speaks external BGP.`,
    );

const mtuFitsTheUnderlays: Rule = (settings) => {
  const mtus = underlayMtus(settings);
  if (!settings.link || mtus.length === 0) return [];
  const { mtu, ipsec } = settings.link;
  const largest = largestMtu(mtus, ipsec.profile);
  return mtu <= largest
    ? []
    : [
        `crossborder:link.mtu is ${mtu}; it must be at most ${largest}: encrypted with profile ${ipsec.profile}, ` +
          `${mtu} bytes make ${packetOnUnderlay(mtu, ipsec.profile)} on an underlay of ${Math.min(...mtus)}.`,
      ];
};

const weakCryptoIsAcknowledged: Rule = ({ link }) =>
  link && cryptoProfiles[link.ipsec.profile].weak && !link.ipsec.acknowledgeWeakCrypto
    ? [
        `crossborder:link.ipsec.profile is "${link.ipsec.profile}", whose algorithms are weak; ` +
          `it needs crossborder:link.ipsec.acknowledgeWeakCrypto: true.`,
      ]
    : [];

const acceptedKeysAreOthers: Rule = ({ link }) =>
  link?.ipsec.psk.accept.includes(link.ipsec.psk.send)
    ? [
        `crossborder:link.ipsec.psk.accept has ${link.ipsec.psk.send}, the key in use; it must name other keys.`,
      ]
    : [];

const trustedAuthoritiesAreOthers: Rule = ({ certificates }) =>
  certificates?.authority.trust.includes(certificates.authority.issue)
    ? [
        `crossborder:certificates.authority.trust has ${certificates.authority.issue}, the authority that issues; ` +
          `it must name other authorities.`,
      ]
    : [];

const holdIsThreeKeepalives: Rule = ({ link }) =>
  link && link.bgp.holdSeconds < 3 * link.bgp.keepaliveSeconds
    ? [
        `crossborder:link.bgp.holdSeconds is ${link.bgp.holdSeconds}; it must be at least three keepalives, ` +
          `${3 * link.bgp.keepaliveSeconds} (RFC 4271, section 10).`,
      ]
    : [];

/** The physical bounds of the round trip between the sites, where both are known. */
function floors(settings: Checked) {
  const [one, other] = sitesOf(settings);
  if (!one || !other || settings.emulated) return undefined;
  return { pair: `${one.name}–${other.name}`, ...rttFloorMs(one.coordinates, other.coordinates) };
}

const budgetIsPossible: Rule = (settings) => {
  const bounds = floors(settings);
  if (!bounds || !settings.gate || settings.gate.budgetMs >= bounds.vacuum) return [];
  return [
    `crossborder:gate.budgetMs is ${settings.gate.budgetMs}; it must be at least ${bounds.vacuum.toFixed(1)}: light in ` +
      `vacuum takes that long for the round trip ${bounds.pair} (${Math.round(bounds.distanceKm)} km), and ` +
      `${bounds.fibre.toFixed(1)} in straight fibre.`,
  ];
};

/** What no single key can tell: rules between settings. Each gives one sentence per violation. */
export const rules: readonly Rule[] = [
  primaryIsASite,
  rangesDoNotOverlap,
  linkNetworkIsAPair,
  autonomousSystemsDiffer,
  ...siteRules,
  mtuFitsTheUnderlays,
  weakCryptoIsAcknowledged,
  acceptedKeysAreOthers,
  trustedAuthoritiesAreOthers,
  holdIsThreeKeepalives,
  budgetIsPossible,
  ...outOfServiceRules,
  ...gcpRules,
  ...tencentRules,
  ...backupRules,
  ...haRules,
  ...postgresRules,
  ...trafficRules,
];

/** What is allowed but unwise; shown as a warning at every deployment. */
export function warnings(settings: Settings): string[] {
  const found: string[] = [];
  const bounds = floors(settings);
  if (bounds && settings.gate.budgetMs < bounds.fibre) {
    found.push(
      `crossborder:gate.budgetMs is ${settings.gate.budgetMs}, below the ${bounds.fibre.toFixed(1)} ms that light takes in ` +
        `straight fibre for the round trip ${bounds.pair} (${bounds.vacuum.toFixed(1)} ms in vacuum): no cable can meet it.`,
    );
  }
  if (cryptoProfiles[settings.link.ipsec.profile].weak) {
    found.push(
      `crossborder:link.ipsec.profile is "${settings.link.ipsec.profile}": its 1024-bit group is within reach of a ` +
        `determined attacker (RFC 8247). Move both ends to "modern".`,
    );
  }
  if (settings.link.bfd === "off") {
    found.push(
      `crossborder:link.bfd is "off": a dead path is noticed only after BGP's hold time, ${settings.link.bgp.holdSeconds} s.`,
    );
  }
  if (settings.postgres !== "off" && settings.postgres.passwords.accept.length > 0) {
    found.push(
      `crossborder:postgres.passwords.accept is not empty: applications can still log in with passwords ` +
        `${settings.postgres.passwords.accept.join(", ")}. \`npm run rotate -- passwords\` ends that.`,
    );
  }
  return [
    ...outOfServiceWarnings(settings),
    ...found,
    ...siteWarnings(settings),
    ...tencentWarnings(settings),
    ...backupWarnings(settings),
    ...trafficWarnings(settings),
  ];
}
