import type { PostgresSettings } from "../../settings/schema";

/** The role of the other site's replication. It logs in with that site's certificate alone. */
export const REPLICATION_ROLE = "crossborder_replication";
/** The role of services on the same host. It logs in over the Unix socket alone. */
export const MONITOR_ROLE = "crossborder_monitor";
/** Every application's role is a member of it. */
export const APPLICATION_ROLE = "crossborder_application";
/** Roles that may change the structure of both sites are members of it. */
export const MIGRATION_ROLE = "crossborder_migration";
/** What a database host of a pair beats, by what is well (see `components/ha/plan.ts`). */
export const POSTGRES_HEARTBEATS = { fit: "postgres-fit", current: "postgres-current" } as const;
/** Name of the map in pg_ident.conf. */
export const IDENT_MAP = "crossborder";

/** Everything of one site's database that is known before anything is deployed. */
export interface PostgresNode {
  /** Also the name of its pglogical node. */
  readonly site: string;
  /** Tells the sites' sequences apart. By the order of the sites' names, so that it stays when the primary changes. */
  readonly number: 1 | 2;
  readonly primary: boolean;
  /** Whether it is the site that takes the first copy from the other, if it has nothing. */
  readonly copies: boolean;
  /** The name that the site's certificate is for. */
  readonly dnsName: string;
  /** Where the other site's PostgreSQL is reached from here: a listener on this host. */
  readonly peerEndpoint: Endpoint;
}

export interface Endpoint {
  /** IPv4 address. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
}

/** Both sites, as one of them sees them. */
export interface PostgresView {
  readonly local: PostgresNode;
  readonly peer: PostgresNode;
}

/** A login of an application. Of the two, one is in use; a rotation gives the other a new password. */
export interface Login {
  readonly role: string;
  /** Number of its password; absent in one that may not log in. */
  readonly password?: number;
}

export interface Application {
  /** The role that reads and writes its tables. Nobody logs in as it. */
  readonly role: string;
  /** The role that owns its schemas and tables. Nobody logs in as it. */
  readonly owner: string;
  /** Whether its logins are the owner's. */
  readonly migrates: boolean;
  /** Schemas that it uses, also its search path. */
  readonly schemas: readonly string[];
  readonly logins: readonly Login[];
}

/** The login that passwords of a number belong to: two take turns, so that both the old and the new are valid. */
export function loginOf(application: string, password: number): string {
  return `${application}_${password % 2 === 1 ? "a" : "b"}`;
}

/** The role that owns what an application uses. */
export function ownerOf(application: string): string {
  return `${application}_owner`;
}

/** The applications with their logins. */
export function applicationsOf({ applications, passwords }: PostgresSettings): Application[] {
  const valid = [passwords.use, ...passwords.accept];
  return applications.map(({ name, schemas, migrates }) => ({
    role: name,
    owner: ownerOf(name),
    migrates,
    schemas: schemas ?? [name],
    logins: [1, 2].map((turn) => {
      const password = valid.find((number) => number % 2 === turn % 2);
      return { role: loginOf(name, turn), ...(password !== undefined && { password }) };
    }),
  }));
}
