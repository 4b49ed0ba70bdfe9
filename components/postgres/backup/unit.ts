import { join } from "node:path";
import { familyOf } from "../../host/families";
import type { OsFamily } from "../../host/host";
import type { HostFile, Unit } from "../../host/manifest";
import { programFile } from "../../host/program";
import type { BaseBackupSettings, PostgresSettings } from "../../../settings/schema";
import { LIBRARY, SOCKET_DIRECTORY } from "../paths";

/** Base backups: `pg_backup.py create | list | test | restore <configuration> [<label>]`. */
export const BACKUP_PROGRAM = `${LIBRARY}/pg_backup.py`;
export const BACKUP_CONFIGURATION = "/etc/crossborder/postgres-backup.json";

const NAME = "crossborder-postgres-backup";
const SERVICE_FILE = `/etc/systemd/system/${NAME}.service`;
const TIMER_FILE = `/etc/systemd/system/${NAME}.timer`;

export interface BackupInputs {
  readonly site: string;
  readonly host: string;
  readonly family: OsFamily;
  readonly settings: Pick<PostgresSettings, "database" | "port">;
  readonly backups: BaseBackupSettings;
  /** node-exporter's textfile directory. */
  readonly textfileDirectory: string;
}

/**
 * Renders what makes base backups on a host. pg_hba.conf has to admit `local replication postgres peer`. `site_report.py`
 * and `reporting.py`, which the program imports, come with the monitors. Removing this leaves the backups.
 */
export function renderBackup(inputs: BackupInputs): { files: HostFile[]; units: Unit[] } {
  const { site, host, settings, backups } = inputs;
  const { unit, binaries, dataDirectory } = familyOf(inputs.family).postgresql;
  const content = {
    site,
    host,
    owner: "postgres",
    socket: SOCKET_DIRECTORY,
    port: settings.port,
    database: settings.database,
    binaries,
    dataDirectory,
    directory: backups.directory,
    keep: backups.keep,
    metricsFile: `${inputs.textfileDirectory}/crossborder_postgres_backup.prom`,
    stop: ["systemctl", "stop", unit],
    start: ["systemctl", "start", unit],
  };
  return {
    files: [
      programFile(BACKUP_PROGRAM, join(__dirname, "pg_backup.py")),
      { path: BACKUP_CONFIGURATION, content: JSON.stringify(content, undefined, 2) + "\n", mode: "0600" },
      { path: SERVICE_FILE, content: service(), mode: "0644" },
      { path: TIMER_FILE, content: timer(backups.at), mode: "0644" },
    ],
    units: [{ name: `${NAME}.timer`, watches: [TIMER_FILE], onChange: "restart" }],
  };
}

function service(): string {
  return `[Unit]
Description=A base backup of the database server

[Service]
Type=oneshot
ExecStart=/usr/bin/env python3 ${BACKUP_PROGRAM} create ${BACKUP_CONFIGURATION}
TimeoutStartSec=infinity
Nice=10
IOSchedulingClass=idle
UMask=0077
`;
}

function timer(at: string): string {
  return `[Unit]
Description=Base backups of the database server

[Timer]
OnCalendar=${at}
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target
`;
}
