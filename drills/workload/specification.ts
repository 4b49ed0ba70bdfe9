import { type Deployment, drillService, servicePort } from "../deployment";

/** Where a database answers, and as whom a client goes in. */
export interface DatabaseTarget {
  /** Name of the clients that use it, e.g. `la-vip`; `-writes` or `-reads` is appended. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** SQL whose answer is the name of the site that answers. */
  readonly serverQuery: string;
  readonly readQuery: string;
  /** Verifies the server; plain TCP without. */
  readonly tls?: { readonly ca: string; readonly name: string };
}

/** Where the echo service answers. */
export interface ServiceTarget {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** What clients ask of their hosts, in ms. */
export interface Pace {
  /** Between two requests of a client that asks a service, and of one that writes to a database or reads it. */
  readonly serviceIntervalMs: number;
  readonly databaseIntervalMs: number;
  /** How long a database may take to let a client in, which is far more work than a statement. */
  readonly loginMs: number;
}

/** What `clients.py` reads: everything that the clients of one host do. */
export interface Specification extends Pace {
  /** Path of the history's file on the host. */
  readonly history: string;
  readonly table: string;
  /** How long a client waits for a service's connection and answer, and for a statement's, in ms. */
  readonly timeoutMs: number;
  /** Rows that one client alone updates, rows that all update, and rows that are removed and put back. */
  readonly ownRows: number;
  readonly hotRows: number;
  readonly deleteRows: number;
  readonly databases: readonly DatabaseTarget[];
  readonly services: readonly ServiceTarget[];
}

/** A host of a site that isn't its gateway, and the addresses it uses. */
export interface ClientSite {
  readonly site: string;
  /** The site's gateway as its hosts know it. */
  readonly gateway: string;
  /** A host of the other site, on which the echo service listens too. */
  readonly farHost: string;
}

/** The clients' table, on both sides. */
export const table = "drill.register";

/** Port of the echo service on the sites' client hosts: the link alone leads there. */
export const linkPort = 7010;

const rows = { ownRows: 4, hotRows: 3, deleteRows: 4 };

function databases({ site, gateway }: ClientSite, { database, ha }: Deployment): DatabaseTarget[] {
  if (!database) return [];
  const { name, port, user, password } = database;
  const places = [
    { name: `${site}-site`, host: gateway },
    ...(ha ? [{ name: `${site}-vip`, host: ha.vip }] : []),
  ];
  return places.map((place) => ({
    ...{ port, user, password },
    ...place,
    database: name,
    serverQuery: "select crossborder.this_site()",
    readQuery: `select value from ${table} where key = 'hot/0'`,
  }));
}

function services({ site, gateway, farHost }: ClientSite, deployed: Deployment): ServiceTarget[] {
  const port = servicePort(deployed);
  const carried = port === undefined ? [] : [{ name: `${site}-service`, host: gateway, port }];
  const { ha } = deployed;
  const answered = ha?.services.find(({ name }) => name === drillService);
  const moving = ha && answered ? [{ name: `${site}-vip-service`, host: ha.vip, port: answered.port }] : [];
  return [{ name: `${site}-link`, host: farHost, port: linkPort }, ...carried, ...moving];
}

/** On hosts that keep up with it. */
export const usualPace: Pace = { serviceIntervalMs: 50, databaseIntervalMs: 50, loginMs: 2000 };

/** The clients of a host: as many as the stack has something for. */
export function specification(
  place: ClientSite,
  deployed: Deployment,
  how: Pace & Pick<Specification, "history" | "timeoutMs">,
): Specification {
  return {
    ...{ ...how, table },
    ...rows,
    databases: databases(place, deployed),
    services: services(place, deployed),
  };
}

/** Names of the clients that a specification makes. */
export function clientNames(spec: Specification): string[] {
  return [
    ...spec.databases.flatMap(({ name }) => [`${name}-writes`, `${name}-reads`]),
    ...spec.services.map(({ name }) => name),
  ];
}

/** Keys of the rows that have to be there before the clients start. */
export function seedKeys(specs: readonly Specification[]): string[] {
  const numbered = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}/${index}`);
  const own = specs.flatMap(({ databases }) =>
    databases.flatMap(({ name }) => numbered(`update/${name}-writes`, rows.ownRows)),
  );
  return [...numbered("hot", rows.hotRows), ...own];
}
