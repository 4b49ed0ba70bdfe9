import { ON_GATEWAY, servicesOf } from "../components/backup/service";
import { loginOf, ownerOf } from "../components/postgres/plan";
import { subscriptionFrom } from "../providers/postgres/facts";
import { otherFamilies } from "./hostFamilies";
import type { PostgresSettings, Settings } from "./schema";

/** Rules of the database's settings. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

const KEY = "crossborder:postgres";

/** The service of the backup path that carries replication, and clients of the other site's database. */
export const POSTGRES_SERVICE = "postgres";

/** Names that PostgreSQL, its extension or this program have taken. */
const RESERVED = [
  "postgres",
  "public",
  "template0",
  "template1",
  "pglogical",
  "information_schema",
  "all",
  "replication",
  "user",
];

function isReserved(name: string): boolean {
  return RESERVED.includes(name) || name.startsWith("pg_") || name.startsWith("crossborder");
}

function onPostgres({ postgres }: Partial<Settings>): PostgresSettings | undefined {
  return postgres === "off" ? undefined : postgres;
}

function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

const namesAreFree: Rule = (settings) => {
  const postgres = onPostgres(settings);
  if (!postgres) return [];
  const reserved = (key: string, name: string): string[] =>
    isReserved(name)
      ? [
          `${KEY}.${key} is "${name}"; it must not be a name that is taken: ${RESERVED.join(", ")}, pg_…, crossborder….`,
        ]
      : [];
  return [
    ...reserved("database", postgres.database),
    ...postgres.applications.flatMap(({ name, schemas }, index) => [
      ...reserved(`applications[${index}].name`, name),
      ...(schemas ?? []).flatMap((schema, at) =>
        schema === "public" ? [] : reserved(`applications[${index}].schemas[${at}]`, schema),
      ),
    ]),
  ];
};

const rolesDiffer: Rule = (settings) => {
  const roles = onPostgres(settings)?.applications.flatMap(({ name }) => [
    name,
    ownerOf(name),
    loginOf(name, 1),
    loginOf(name, 2),
  ]);
  return repeated(roles ?? []).map(
    (role) =>
      `${KEY}.applications makes the role ${role} twice; names must differ, with _a, _b and _owner too.`,
  );
};

const acceptedPasswordIsOfTheOtherLogin: Rule = (settings) => {
  const { use, accept = [] } = onPostgres(settings)?.passwords ?? { use: 0 };
  return accept
    .filter((number) => number % 2 === use % 2)
    .map(
      (number) =>
        `${KEY}.passwords.accept has ${number}, with ${use} in use; one of them must be odd and the other even: ` +
        "they belong to the two logins of an application.",
    );
};

const replicationHasItsWay: Rule = (settings) => {
  const postgres = onPostgres(settings);
  if (!postgres || !settings.services || !settings.sites) return [];
  const found: string[] = [];
  if (settings.backup === "off") {
    found.push(
      `crossborder:backup is "off"; it must be on for ${KEY}: replication and its certificates go by it.`,
    );
  }
  const service = servicesOf({ services: settings.services, sites: settings.sites }).find(
    ({ name }) => name === POSTGRES_SERVICE,
  );
  const key = `crossborder:services.${POSTGRES_SERVICE}`;
  if (!service) return [...found, `${key} is missing; it must have port ${postgres.port}, that of ${KEY}.`];
  for (const site of Object.keys(settings.sites)) {
    const endpoint = service.endpoints[site];
    if (endpoint?.address !== ON_GATEWAY) {
      found.push(`${key} is not on the gateway of ${site}; PostgreSQL is, and both sites must have it.`);
    } else if (endpoint.port !== postgres.port) {
      found.push(`${key}.port is ${endpoint.port}; it must be ${postgres.port}, that of ${KEY}.`);
    }
  }
  return [...new Set(found)];
};

/** pglogical cuts the parts of a slot's name to 16 bytes, and a subscription `from_<site>` is one of them. */
const LONGEST_SITE = 16 - subscriptionFrom("").length;

const sitesCanBeSubscribedTo: Rule = (settings) =>
  onPostgres(settings)
    ? Object.keys(settings.sites ?? {})
        .filter((site) => site.length > LONGEST_SITE || site.includes("-"))
        .map(
          (site) =>
            `crossborder:sites.${site} has a name that pglogical can't replicate under; with ${KEY} it must be ` +
            `1 to ${LONGEST_SITE} of a-z and 0-9, starting with a letter.`,
        )
    : [];

/** PostgreSQL's repository has nothing for CentOS 7 any more. */
const hostsHaveTheDatabase: Rule = (settings) =>
  onPostgres(settings) ? otherFamilies(settings, ["debian", "ubuntu", "rhel"], `; with ${KEY} it`) : [];

export const postgresRules: readonly Rule[] = [
  namesAreFree,
  rolesDiffer,
  acceptedPasswordIsOfTheOtherLogin,
  replicationHasItsWay,
  sitesCanBeSubscribedTo,
  hostsHaveTheDatabase,
];
