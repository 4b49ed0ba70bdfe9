import type { PostgresSettings } from "../../settings/schema";
import type { HostFile } from "../host/manifest";
import { HBA_FILE, IDENT_FILE } from "./paths";
import { APPLICATION_ROLE, IDENT_MAP, MONITOR_ROLE, type PostgresView, REPLICATION_ROLE } from "./plan";

/** Accounts of the host that its services run as. */
const SERVICE_ACCOUNTS = ["root", "postgres"];

/**
 * Who may connect, and as what. All TCP connections come from 127.0.0.1, because the proxy brings them: the address proves
 * nothing, so every line demands a certificate or a password. What no line names is refused.
 */
export function renderHba({ database }: PostgresSettings): HostFile {
  const content = `# TYPE DATABASE USER ADDRESS METHOD. A change of this file reloads PostgreSQL.
local all postgres peer
local replication postgres peer
local ${database} ${MONITOR_ROLE} peer map=${IDENT_MAP}
hostssl ${database} ${REPLICATION_ROLE} 127.0.0.1/32 cert map=${IDENT_MAP}
host ${database} ${REPLICATION_ROLE} all reject
host ${database} +${APPLICATION_ROLE} 127.0.0.1/32 scram-sha-256
`;
  return { path: HBA_FILE, content, mode: "0640", owner: "postgres:postgres" };
}

/** Which account, and which certificate, may be which role. */
export function renderIdent({ peer }: PostgresView): HostFile {
  const lines = [
    ...SERVICE_ACCOUNTS.map((account) => [account, MONITOR_ROLE]),
    [peer.dnsName, REPLICATION_ROLE],
  ].map(([name, role]) => `${IDENT_MAP} ${name} ${role}\n`);
  const content = `# MAP NAME ROLE. A change of this file reloads PostgreSQL.\n${lines.join("")}`;
  return { path: IDENT_FILE, content, mode: "0640", owner: "postgres:postgres" };
}

/** How this site's subscription reaches the other site: proven by certificates both ways, without a password. */
export function replicationDsn({ local, peer }: PostgresView, database: string, paths: DsnPaths): string {
  const values = {
    host: peer.dnsName,
    hostaddr: local.peerEndpoint.host,
    port: local.peerEndpoint.port,
    dbname: database,
    user: REPLICATION_ROLE,
    sslmode: "verify-full",
    sslcert: paths.leaf,
    sslkey: paths.leaf,
    sslrootcert: paths.authorities,
    ssl_min_protocol_version: "TLSv1.3",
    connect_timeout: 10,
    keepalives_idle: 10,
    keepalives_interval: 5,
    keepalives_count: 3,
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

/** Files of a connection's certificate, as postgres reads them. */
export interface DsnPaths {
  readonly leaf: string;
  readonly authorities: string;
}
