import type { PostgresSettings } from "../../settings/schema";
import type { HostFile } from "../host/manifest";
import { collectorParameters } from "./conflicts/parameters";
import { AUTHORITIES_FILE, LEAF_FILE, RELOAD_FILE, SOCKET_DIRECTORY, START_FILE } from "./paths";

/** Silence after which either end of a replication connection gives it up, s. */
const REPLICATION_TIMEOUT_SECONDS = 10;

function file(path: string, purpose: string, values: Readonly<Record<string, string | number>>): HostFile {
  const lines = Object.entries(values).map(
    ([name, value]) => `${name} = ${typeof value === "number" ? value : `'${value}'`}\n`,
  );
  return { path, content: `# ${purpose}\n${lines.join("")}`, mode: "0644" };
}

/** What the conflicts are found by in the server's log: that it is collected counts from a start on, the rest from a reload. */
const { logging_collector, ...LOG } = collectorParameters();

/** Parameters that PostgreSQL reads when it starts. */
export function renderStart({ port, maxConnections, sharedBuffersMb }: PostgresSettings): HostFile {
  return file(START_FILE, "A change of this file restarts PostgreSQL.", {
    // What comes from other hosts comes through the proxy.
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: SOCKET_DIRECTORY,
    max_connections: maxConnections,
    shared_buffers: `${sharedBuffersMb}MB`,
    wal_level: "logical",
    track_commit_timestamp: "on",
    shared_preload_libraries: "pglogical",
    max_replication_slots: 10,
    max_wal_senders: 10,
    // pglogical's supervisor, a manager for each database, and workers that apply and copy.
    max_worker_processes: 16,
    logging_collector: logging_collector!,
  });
}

/** Parameters that PostgreSQL reads again while it runs. */
export function renderReload({ workMemMb, walKeepMb }: PostgresSettings): HostFile {
  return file(RELOAD_FILE, "A change of this file reloads PostgreSQL.", {
    "pglogical.conflict_resolution": "last_update_wins",
    // PostgreSQL's default list does without it.
    output_plugin_libraries: "pglogical_output",
    ssl: "on",
    ssl_cert_file: LEAF_FILE,
    ssl_key_file: LEAF_FILE,
    ssl_ca_file: AUTHORITIES_FILE,
    ssl_min_protocol_version: "TLSv1.3",
    password_encryption: "scram-sha-256",
    work_mem: `${workMemMb}MB`,
    max_slot_wal_keep_size: `${walKeepMb}MB`,
    wal_sender_timeout: `${REPLICATION_TIMEOUT_SECONDS}s`,
    wal_receiver_timeout: `${REPLICATION_TIMEOUT_SECONDS}s`,
    ...LOG,
    // Statements may hold what is not meant for a log.
    log_statement: "none",
  });
}
