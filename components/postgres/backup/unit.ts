import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostFile, Unit } from "../../host/manifest";
import { POSTGRES_LIBRARY } from "../monitor/unit";

/** Base backups: `pg_backup.py create | list | test | restore <configuration> [<label>]`. */
export const BACKUP_PROGRAM = `${POSTGRES_LIBRARY}/pg_backup.py`;
export const BACKUP_CONFIGURATION = "/etc/crossborder/postgres-backup.json";

const NAME = "crossborder-postgres-backup";
const SERVICE_FILE = `/etc/systemd/system/${NAME}.service`;
const TIMER_FILE = `/etc/systemd/system/${NAME}.timer`;

export interface BackupSettings {
  /** Directory on the host that takes the backups. @default /var/backups/crossborder-postgres */
  readonly directory: string;
  /** Backups that are kept, 1 to 100. @default 7 */
  readonly keep: number;
  /** When one is made, as systemd's OnCalendar. @default *-*-* 03:00:00 */
  readonly at: string;
}

export const BACKUP_DEFAULTS: BackupSettings = {
  directory: "/var/backups/crossborder-postgres",
  keep: 7,
  at: "*-*-* 03:00:00",
};

export interface BackupInputs {
  readonly site: string;
  readonly host: string;
  readonly socket: string;
  readonly port: number;
  readonly database: string;
  /** Where the server's programs are, e.g. `/usr/lib/postgresql/15/bin`. */
  readonly binaries: string;
  readonly dataDirectory: string;
  /** The server's unit, e.g. `postgresql@15-main.service`. */
  readonly unit: string;
  readonly backup: BackupSettings;
  readonly textfileDirectory: string;
}

/**
 * Renders what makes base backups on a host. pg_hba.conf has to admit `local replication postgres peer`. `site_report.py`,
 * which the program imports, comes with the monitors. Removing this leaves the backups.
 */
export function renderBackup(inputs: BackupInputs): { files: HostFile[]; units: Unit[] } {
  const { site, host, socket, port, database, binaries, dataDirectory, unit, backup } = inputs;
  const content = {
    site,
    host,
    owner: "postgres",
    socket,
    port,
    database,
    binaries,
    dataDirectory,
    directory: backup.directory,
    keep: backup.keep,
    metricsFile: `${inputs.textfileDirectory}/crossborder_postgres_backup.prom`,
    stop: ["systemctl", "stop", unit],
    start: ["systemctl", "start", unit],
  };
  return {
    files: [
      {
        path: BACKUP_PROGRAM,
        content: readFileSync(join(__dirname, "pg_backup.py"), "utf8"),
        mode: "0755",
      },
      { path: BACKUP_CONFIGURATION, content: JSON.stringify(content, undefined, 2) + "\n", mode: "0600" },
      { path: SERVICE_FILE, content: service(), mode: "0644" },
      { path: TIMER_FILE, content: timer(backup.at), mode: "0644" },
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
