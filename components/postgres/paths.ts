import type { PostgresPackages } from "../host/families";

/** Names and places on a host that has PostgreSQL, which are the same in each family. */

export const SETUP_UNIT = "crossborder-postgres-setup.service";
export const TLS_UNIT = "crossborder-postgres-tls.service";
export const RECONNECT_UNIT = "crossborder-postgres-reconnect.service";
export const SUBSCRIBE_UNIT = "crossborder-postgres-subscribe.service";

/**
 * Path of PostgreSQL's clients, as an environment has it. Those on the usual path are, on Debian, a wrapper that first finds out which
 * version is meant.
 */
export function clientPath({ binaries }: PostgresPackages): string {
  return `PATH=${binaries}:/usr/bin:/bin`;
}

/** Of version 15, Debian 12's, and of the cluster that Debian makes. Other families are led there. */
const CONFIGURATION = "/etc/postgresql/15/main";
/** What is read at start. */
export const START_FILE = `${CONFIGURATION}/conf.d/50-crossborder.conf`;
/** What is read at every reload. */
export const RELOAD_FILE = `${CONFIGURATION}/conf.d/51-crossborder.conf`;
export const HBA_FILE = `${CONFIGURATION}/pg_hba.conf`;
export const IDENT_FILE = `${CONFIGURATION}/pg_ident.conf`;

/** The product's programs, and the SQL that they run. */
export const LIBRARY = "/usr/local/lib/crossborder/postgres";
/** The product's files for PostgreSQL, certificate included: postgres reads no keys that others own. */
const OWN = "/etc/crossborder/postgres";
export const LEAF_FILE = `${OWN}/leaf.pem`;
export const AUTHORITIES_FILE = `${OWN}/authorities.pem`;
/** Tells the certificate's serial, so that a new certificate is a change that units notice. */
export const CERTIFICATE_NOTE = `${OWN}/certificate`;
/** Roles and their verifiers, as SQL. Secret. */
export const ROLES_FILE = `${OWN}/roles.sql`;
export const SUBSCRIPTION_FILE = `${OWN}/subscription.json`;

/** Directory of the Unix socket. */
export const SOCKET_DIRECTORY = "/var/run/postgresql";
