import { ON_GATEWAY, servedBy, type Service, servicesOf } from "../components/backup/service";
import { PUBLIC_HANDSHAKE_TRIPS, PUBLIC_TIMEOUT_MS } from "../components/backup/timers";
import { PAIR_SERVICE, pairServices } from "../components/ha/service";
import { contains } from "./ipv4";
import { otherFamilies } from "./hostFamilies";
import type { BackupSettings, Settings } from "./schema";
import { firstGatewayAddress } from "./sites";

/** Rules between the settings of services and of the backup path. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

/** A TCP port that something on a gateway listens on, by the key that says so. */
interface Listener {
  readonly key: string;
  readonly port: number;
}

/** Ports of the gateways that are taken whatever the settings say: SSH, BGP, IKE. */
const RESERVED: readonly Listener[] = [
  { key: "SSH", port: 22 },
  { key: "BGP", port: 179 },
  { key: "IKE", port: 500 },
  { key: "IKE behind NATs", port: 4500 },
];

function keyOf(service: string): string {
  return `crossborder:services.${service}`;
}

/** The key that says a service's port, or the port of the gateways' own listeners for it. */
function portKey(service: string, port: "port" | "localPort"): string {
  if (service !== PAIR_SERVICE) return `${keyOf(service)}.${port}`;
  return port === "port" ? "crossborder:ha.statePort" : "crossborder:ha.statePort + 10000";
}

function onBackup(settings: Partial<Settings>): BackupSettings | undefined {
  return settings.backup === "off" ? undefined : settings.backup;
}

function servicesIn({ services, sites, ha }: Partial<Settings>): Service[] {
  if (!services || !sites) return [];
  return [...servicesOf({ services, sites }), ...pairServices({ sites, ha: ha ?? "off" })];
}

const backupHasServices: Rule = (settings) =>
  onBackup(settings) && settings.services && Object.keys(settings.services).length === 0
    ? [
        "crossborder:backup is on, but crossborder:services is empty; it must name at least one service to carry.",
      ]
    : [];

const servicesNameSites: Rule = ({ services, sites }) =>
  Object.entries(services ?? {}).flatMap(([name, service]) => {
    const named = service.sites && Object.entries(service.sites);
    if (!named || !sites) return [];
    if (named.length === 0)
      return [`${keyOf(name)}.sites is empty; it must name a site that has the service.`];
    return named.flatMap(([site, { address }]) => {
      const key = `${keyOf(name)}.sites.${site}`;
      const range = sites[site]?.cidr;
      if (range === undefined) {
        return [`${key} is not a site; it must be one of ${Object.keys(sites).join(", ")}.`];
      }
      return address === undefined || address === ON_GATEWAY || contains(range, address)
        ? []
        : [`${key}.address is ${address}; it must be ${ON_GATEWAY} or lie in the site's range ${range}.`];
    });
  });

const localPortsExist: Rule = (settings) =>
  servicesIn(settings)
    .filter(({ localPort }) => localPort > 65_535)
    .map(
      ({ name, localPort }) =>
        `${keyOf(name)}.localPort is missing; it must be given, because port + 10000 is ${localPort}, above 65535.`,
    );

/** Envoy needs glibc 2.31, its unit systemd 240. */
const hostsRunTheProxy: Rule = (settings) =>
  onBackup(settings)
    ? otherFamilies(
        settings,
        ["debian", "ubuntu", "rhel"],
        ", on which the proxy doesn't run; with crossborder:backup it",
      )
    : [];

/** What listens on every gateway: the proxy for peers, and one listener for each service. */
function listeners(settings: Partial<Settings>): Listener[] {
  const backup = onBackup(settings);
  return [
    ...(backup ? [{ key: "crossborder:backup.port", port: backup.port }] : []),
    ...servicesIn(settings).map(({ name, localPort }) => ({
      key: portKey(name, "localPort"),
      port: localPort,
    })),
  ];
}

/** The address that a site's gateway has in the site's network. */
function gatewayAddress({ sites }: Partial<Settings>, site: string): string | undefined {
  return sites?.[site] && firstGatewayAddress(sites[site]);
}

/** What listens on a gateway already: the reserved ports, sshd's, and services that run there. */
function taken(settings: Partial<Settings>): Listener[] {
  const own = servicesIn(settings).flatMap(({ name, endpoints }) => {
    const here = Object.entries(endpoints).find(([site, { address }]) =>
      [ON_GATEWAY, gatewayAddress(settings, site)].includes(address),
    );
    return here ? [{ key: portKey(name, "port"), port: here[1].port }] : [];
  });
  const ssh = settings.access ? [{ key: "crossborder:access.sshPort", port: settings.access.sshPort }] : [];
  return [...own, ...ssh, ...RESERVED.filter(({ port }) => !ssh.some((other) => other.port === port))];
}

/** What listens on every address of a gateway. */
function everywhere({ access }: Partial<Settings>): Listener[] {
  const ssh = access ? [{ key: "crossborder:access.sshPort", port: access.sshPort }] : [];
  return [...ssh, ...RESERVED.filter(({ key }) => key === "BGP")];
}

const portsDiffer: Rule = (settings) => {
  const ours = listeners(settings);
  const others = taken(settings);
  return ours.flatMap((one, index) =>
    [...ours.slice(0, index), ...others]
      .filter(({ port }) => port === one.port)
      .map(
        ({ key }) =>
          `${one.key} is ${one.port}; it must differ from the port of ${key}, on the same gateways.`,
      ),
  );
};

/** Ports on which a gateway listens for its own site: one that is taken there leads somewhere else. */
const ownPortsAreFree: Rule = (settings) =>
  Object.keys(settings.sites ?? {}).flatMap((site) => {
    const services = servicesIn(settings);
    const privateAddress = gatewayAddress(settings, site) ?? "";
    const served = servedBy({ site, privateAddress }, services);
    const there = services.filter(({ endpoints }) => endpoints[site]?.address === privateAddress);
    const portOf = ({ endpoints }: Service): number => endpoints[site]!.port;
    // A service that is on the gateway itself differs from these already.
    const others = [...listeners(settings), ...everywhere(settings)];
    return served.flatMap((service, index) => [
      ...others
        .filter(({ port }) => port === portOf(service) && service.endpoints[site]!.address !== ON_GATEWAY)
        .map(
          ({ key, port }) =>
            `${portKey(service.name, "port")} is ${port}; with listen: site on ${site} it must differ from the port of ` +
            `${key}, on the same gateway.`,
        ),
      ...[...served.slice(0, index), ...there]
        .filter((other) => portOf(other) === portOf(service))
        .map(
          (other) =>
            `${portKey(service.name, "port")} is ${portOf(service)}; with listen: site on ${site} it must differ from ` +
            `${portKey(other.name, "port")}.`,
        ),
    ]);
  });

const checksCanBeAnswered: Rule = (settings) => {
  const backup = onBackup(settings);
  const budgetMs = settings.gate?.budgetMs;
  if (!backup || budgetMs === undefined) return [];
  const found: string[] = [];
  const { timeoutMs } = backup.healthCheck;
  // A TCP handshake and a request.
  if (timeoutMs < 2 * budgetMs) {
    found.push(
      `crossborder:backup.healthCheck.timeoutMs is ${timeoutMs}; it must be at least two round trips of ` +
        `crossborder:gate.budgetMs, ${2 * budgetMs}.`,
    );
  }
  if (PUBLIC_HANDSHAKE_TRIPS * budgetMs > PUBLIC_TIMEOUT_MS) {
    found.push(
      `crossborder:gate.budgetMs is ${budgetMs}; with crossborder:backup on it must be at most ` +
        `${Math.floor(PUBLIC_TIMEOUT_MS / PUBLIC_HANDSHAKE_TRIPS)}: a health check of the public way has ` +
        `${PUBLIC_TIMEOUT_MS} ms for ${PUBLIC_HANDSHAKE_TRIPS} round trips.`,
    );
  }
  return found;
};

const holdGrows: Rule = (settings) => {
  const hold = onBackup(settings)?.hold;
  return hold && hold.firstSeconds > hold.maxSeconds
    ? [
        `crossborder:backup.hold.firstSeconds is ${hold.firstSeconds}; it must be at most ` +
          `crossborder:backup.hold.maxSeconds, ${hold.maxSeconds}.`,
      ]
    : [];
};

/** Rules of services and of the backup path. */
export const backupRules: readonly Rule[] = [
  backupHasServices,
  servicesNameSites,
  localPortsExist,
  hostsRunTheProxy,
  portsDiffer,
  ownPortsAreFree,
  checksCanBeAnswered,
  holdGrows,
];

/** What is allowed of them but has no effect. */
export function backupWarnings({ services, backup }: Settings): string[] {
  const names = Object.keys(services);
  return backup === "off" && names.length > 0
    ? [
        `crossborder:services names ${names.join(", ")}, but crossborder:backup is "off": no gateway listens for them.`,
      ]
    : [];
}
