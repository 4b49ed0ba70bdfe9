import { type Service, servicesOf } from "../components/backup/service";
import { HIGHEST_PRIORITY, weightsFor } from "../components/ha/plan";
import { PAIR_SERVICE, portOf, servedAt } from "../components/ha/service";
import { contains } from "./ipv4";
import type { HaSettings, Settings } from "./schema";

/** Rules between the settings of the pair and the others. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

const KEY = "crossborder:ha";

function onPair(settings: Partial<Settings>): HaSettings | undefined {
  return settings.ha === "off" ? undefined : settings.ha;
}

/** The services that are answered at the address, as far as they can be known. */
function servedIn(settings: Partial<Settings>): Service[] {
  const ha = onPair(settings);
  const { services, sites } = settings;
  return ha && services && sites ? servedAt(ha.services, servicesOf({ services, sites })) : [];
}

const pairNeedsBackup: Rule = (settings) =>
  onPair(settings) && settings.backup === "off"
    ? [
        `${KEY} is on, but crossborder:backup is "off"; it must be on: what answers at the address is its proxy.`,
      ]
    : [];

const addressIsNobodys: Rule = (settings) => {
  const vip = onPair(settings)?.vip;
  if (vip === undefined) return [];
  const ranges = Object.entries(settings.sites ?? {}).map(([name, { cidr }]) => ({
    key: `crossborder:sites.${name}.cidr`,
    cidr,
  }));
  if (settings.link) ranges.push({ key: "crossborder:link.network", cidr: settings.link.network });
  const inside = ranges
    .filter(({ cidr }) => contains(cidr, vip))
    .map(
      ({ key, cidr }) =>
        `${KEY}.vip is ${vip}; it must lie outside of ${key}, which is ${cidr}: no site's network owns it.`,
    );
  const owners = Object.entries(settings.sites ?? {})
    .filter(([, { publicAddress }]) => publicAddress === vip)
    .map(([name]) => `${KEY}.vip is ${vip}; it must differ from crossborder:sites.${name}.publicAddress.`);
  return [...inside, ...owners];
};

const prioritiesHaveRoom: Rule = (settings) => {
  const ha = onPair(settings);
  if (!ha) return [];
  const { primary, secondary } = ha.priorities;
  const key = `${KEY}.priorities`;
  if (primary === secondary) {
    return [
      `${key}.secondary is ${secondary}, the same as the primary's; it must be lower: one of two has the address.`,
    ];
  }
  if (primary < secondary) {
    return [`${key}.secondary is ${secondary}; it must be below ${key}.primary, which is ${primary}.`];
  }
  const { behind, unfit, pinned } = weightsFor(ha.priorities);
  const lowest = behind + unfit + 1;
  return [
    ...(secondary < lowest
      ? [
          `${key}.secondary is ${secondary}; it must be at least ${lowest}: ${behind + unfit} are taken off a gateway that is ` +
            "neither up to date nor able to serve.",
        ]
      : []),
    ...(primary + pinned > HIGHEST_PRIORITY
      ? [
          `${key}.primary is ${primary}; it must be at most ${HIGHEST_PRIORITY - pinned}: ${pinned} are added on a side that is ` +
            `pinned, and VRRP ends at ${HIGHEST_PRIORITY}.`,
        ]
      : []),
  ];
};

const servicesAreNamed: Rule = (settings) => {
  const ha = onPair(settings);
  const { services } = settings;
  if (!ha?.services || !services) return [];
  if (ha.services.length === 0)
    return [`${KEY}.services is empty; it must name at least one service, or be left out.`];
  return ha.services
    .filter((name) => !(name in services))
    .map((name) => {
      const known = Object.keys(services).join(", ") || "none";
      return `${KEY}.services has ${name}; it must name services of crossborder:services: ${known}.`;
    });
};

const portsAtTheAddressDiffer: Rule = (settings) => {
  const served = servedIn(settings);
  return served.flatMap((one, index) =>
    served
      .slice(0, index)
      .filter((other) => portOf(other) === portOf(one))
      .map(
        (other) =>
          `crossborder:services.${one.name}.port is ${portOf(one)}; at ${KEY}.vip it must differ from that of ${other.name}.`,
      ),
  );
};

const portsAreNotTaken: Rule = (settings) => {
  // These listen on every address of the gateway.
  const taken = [
    ...(settings.access ? [{ port: settings.access.sshPort, by: "sshd" }] : []),
    { port: 179, by: "bgpd" },
  ];
  return servedIn(settings).flatMap((service) =>
    taken
      .filter(({ port }) => port === portOf(service))
      .map(
        ({ port, by }) =>
          `crossborder:services.${service.name}.port is ${port}, which ${by} has on every address of a gateway; ` +
          `${KEY}.services must leave ${service.name} out.`,
      ),
  );
};

const pairServiceIsOurs: Rule = (settings) =>
  onPair(settings) && settings.services && PAIR_SERVICE in settings.services
    ? [`crossborder:services.${PAIR_SERVICE} has the name of the pair's own service; it must have another.`]
    : [];

/** Rules of the pair. */
export const haRules: readonly Rule[] = [
  pairNeedsBackup,
  addressIsNobodys,
  prioritiesHaveRoom,
  servicesAreNamed,
  portsAtTheAddressDiffer,
  portsAreNotTaken,
  pairServiceIsOurs,
];
