import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command, HostFile, Unit } from "../../host/manifest";
import { LOG_DIRECTORY, LOG_PREFIX } from "../conflicts/parameters";

/** Where the programs beside the server are installed, side by side: they import one another. */
export const POSTGRES_LIBRARY = "/usr/local/lib/crossborder/postgres";

/** Where they keep what they remember. */
export const POSTGRES_STATE = "/var/lib/crossborder/postgres";

/** The role that the services, the gate and the comparisons connect as, over the Unix socket. */
export const MONITOR_ROLE = "crossborder_monitor";

const CONFIGURATION = "/etc/crossborder";
const SERVICES = ["clock-gate", "conflict-log", "wal-bound"] as const;
type Service = (typeof SERVICES)[number];

/** Limits of the services beside the server, with the defaults that production takes. */
export interface MonitorSettings {
  /**
   * What a site's clock may be wrong by before it refuses writes, ms, 1 to 10000. Two sites may differ by twice as much, and
   * of two writes to one row that lie closer together the wrong one may win. @default 10
   */
  readonly clockBudgetMs: number;
  /** Measurements of chrony inside half of the budget that let a site write again, 1 to 10. @default 2 */
  readonly clockConfirmations: number;
  /** Share of the WAL's bound at which a slot's WAL is warned of, percent, 10 to 90. @default 50 */
  readonly walWarnPercent: number;
  /** How long recorded conflicts are kept, days, 1 to 3650. @default 90 */
  readonly conflictKeepDays: number;
  /** How long files of the server's log are kept after they were read, days, 1 to 365. @default 7 */
  readonly logKeepDays: number;
  /**
   * Between beats, and looks at the WAL, s, 1 to 60. What a site wrote since its last beat that arrived counts as not seen
   * by the other, when that has to be decided. @default 5
   */
  readonly intervalSeconds: number;
}

export const MONITOR_DEFAULTS: MonitorSettings = {
  clockBudgetMs: 10,
  clockConfirmations: 2,
  walWarnPercent: 50,
  conflictKeepDays: 90,
  logKeepDays: 7,
  intervalSeconds: 5,
};

/** Between two looks at the clocks: how long a site may write after its clock was stepped. */
const TICK_MS = 500;

export interface MonitorInputs {
  /** Name of the site, which is the name of its pglogical node. */
  readonly site: string;
  readonly host: string;
  /** The server's Unix socket: its directory, and the port in its name. */
  readonly socket: string;
  readonly port: number;
  readonly database: string;
  readonly monitor: MonitorSettings;
  /** node-exporter's textfile directory. */
  readonly textfileDirectory: string;
  /** The operator's webhook, an https URL. A secret. */
  readonly webhook?: string;
}

/** The part of a database host's manifest that watches the server. */
export interface Monitors {
  readonly files: readonly HostFile[];
  readonly units: readonly Unit[];
  readonly teardown: readonly Command[];
}

/**
 * How the name of a site's slot ends, which the other site's subscription reads. The name begins with the database's, which
 * pglogical cuts when it is long.
 */
export function slotSuffix(site: string): string {
  return `_${site}_from_${site}`;
}

function program(folder: string, name: string): HostFile {
  return {
    path: `${POSTGRES_LIBRARY}/${name}`,
    content: readFileSync(join(__dirname, "..", folder, name), "utf8"),
    mode: "0755",
  };
}

function configurationFile(service: Service): string {
  return `${CONFIGURATION}/postgres-${service}.json`;
}

/** A JSON file that a service leaves for others to read: its state, its reason, and since when. */
export function stateFile(service: Service): string {
  return `${POSTGRES_STATE}/${service}.json`;
}

function metricsFile(service: Service, directory: string): string {
  return `${directory}/crossborder_postgres_${service.replace("-", "_")}.prom`;
}

function configuration(inputs: MonitorInputs, service: Service, own: Record<string, unknown>): HostFile {
  const { site, host, socket, port, database, textfileDirectory, webhook } = inputs;
  const content = {
    site,
    host,
    database: { socket, port, database, role: MONITOR_ROLE },
    stateFile: stateFile(service),
    metricsFile: metricsFile(service, textfileDirectory),
    webhook: webhook ?? null,
    ...own,
  };
  return {
    path: configurationFile(service),
    content: JSON.stringify(content, undefined, 2) + "\n",
    mode: "0600",
  };
}

function unitName(service: Service): string {
  return `crossborder-postgres-${service}.service`;
}

function service(name: Service, description: string): HostFile {
  // Root, for chrony's command socket and the server's log; the rest of the system is read-only.
  const content = `[Unit]
Description=${description}
After=network.target postgresql.service chrony.service

[Service]
ExecStart=/usr/bin/env python3 ${POSTGRES_LIBRARY}/${name.replace("-", "_")}.py run ${configurationFile(name)}
Restart=always
RestartSec=2
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes

[Install]
WantedBy=multi-user.target
`;
  return { path: `/etc/systemd/system/${unitName(name)}`, content, mode: "0644" };
}

/**
 * Renders the services beside a site's server: the clock gate, the reader of conflicts and the watch over the WAL.
 * @throws Error when the webhook is not https: its URL and what it is told would be readable on the way.
 */
export function renderMonitors(inputs: MonitorInputs): Monitors {
  const { monitor, webhook, textfileDirectory } = inputs;
  if (webhook !== undefined && !webhook.startsWith("https://")) {
    throw new Error("webhook: not an https URL; what it is told would be readable on the way");
  }
  const files = [
    program("monitor", "site_report.py"),
    program("clock", "clock_gate.py"),
    program("conflicts", "conflict_log.py"),
    program("wal", "wal_bound.py"),
    configuration(inputs, "clock-gate", {
      limits: { budgetMs: monitor.clockBudgetMs, confirmations: monitor.clockConfirmations },
      // The clocks are compared twice a second, which costs nothing; chrony is asked every five seconds, which starts a program.
      tickMs: TICK_MS,
      chronyEveryTicks: 10,
      reportEveryTicks: 10,
      repeatEveryTicks: 120,
    }),
    configuration(inputs, "conflict-log", {
      logDirectory: LOG_DIRECTORY,
      logPrefix: LOG_PREFIX,
      keepDays: monitor.conflictKeepDays,
      keepLogDays: monitor.logKeepDays,
      intervalSeconds: 2,
    }),
    configuration(inputs, "wal-bound", {
      slots: [slotSuffix(inputs.site)],
      warnPercent: monitor.walWarnPercent,
      intervalSeconds: monitor.intervalSeconds,
    }),
    service("clock-gate", "Lets the database be written only while the clock can be trusted"),
    service("conflict-log", "Records the conflicts of replication"),
    service("wal-bound", "Watches the WAL that is kept for the other site"),
  ];
  return {
    files,
    units: SERVICES.map((name) => ({
      name: unitName(name),
      watches: [
        `/etc/systemd/system/${unitName(name)}`,
        configurationFile(name),
        `${POSTGRES_LIBRARY}/site_report.py`,
        `${POSTGRES_LIBRARY}/${name.replace("-", "_")}.py`,
      ],
      onChange: "restart",
    })),
    teardown: [
      {
        name: "stop watching the database",
        argv: ["systemctl", "stop", ...SERVICES.map(unitName)],
      },
      {
        name: "remove what the database's services remember",
        argv: ["rm", "-rf", POSTGRES_STATE, ...SERVICES.map((name) => metricsFile(name, textfileDirectory))],
      },
    ],
  };
}
