import { join } from "node:path";
import { familyOf } from "../../host/families";
import type { OsFamily } from "../../host/host";
import type { Command, HostFile, Unit } from "../../host/manifest";
import { programFile } from "../../host/program";
import { LOG_DIRECTORY, LOG_PREFIX } from "../conflicts/parameters";
import type { PostgresSettings } from "../../../settings/schema";
import { subscriptionFrom } from "../../../providers/postgres/facts";
import { AGENT_STATE_FILE, HEARTBEATS } from "../../ha/plan";
import { clientPath, LIBRARY, SOCKET_DIRECTORY } from "../paths";
import { MONITOR_ROLE, POSTGRES_HEARTBEATS } from "../plan";

/** Where they keep what they remember. */
export const POSTGRES_STATE = "/var/lib/crossborder/postgres-watch";

const CONFIGURATION = "/etc/crossborder";
type Service = "clock-gate" | "conflict-log" | "wal-bound" | "pair-beat";

/** Between two looks at the clocks: how long a site may write after its clock was stepped. */
const TICK_MS = 500;

export interface MonitorInputs {
  /** Name of the site, which is the name of its pglogical node. */
  readonly site: string;
  readonly host: string;
  readonly family: OsFamily;
  /** Name of the other site. */
  readonly peer: string;
  readonly settings: PostgresSettings;
  /** node-exporter's textfile directory. */
  readonly textfileDirectory: string;
  /** Whether the host is one of a pair, whose keepalived wants to know how the database is. */
  readonly paired: boolean;
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

/** Folders of the services' programs. */
const FOLDERS: Readonly<Record<Service, string>> = {
  "clock-gate": "clock",
  "conflict-log": "conflicts",
  "wal-bound": "wal",
  "pair-beat": "pair",
};

function program(folder: string, name: string): HostFile {
  return programFile(`${LIBRARY}/${name}`, join(__dirname, "..", folder, name));
}

/** What all of them import. */
function modules(): HostFile[] {
  return [program("monitor", "site_report.py"), program("../host", "reporting.py")];
}

function programName(service: Service): string {
  return `${service.replace("-", "_")}.py`;
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
  const { site, host, settings, textfileDirectory, webhook } = inputs;
  const { database, port } = settings;
  const content = {
    site,
    host,
    database: { socket: SOCKET_DIRECTORY, port, database, role: MONITOR_ROLE },
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

function service(name: Service, description: string, family: OsFamily): HostFile {
  const { units, postgresql } = familyOf(family);
  // Root, for chrony's command socket and the server's log; the rest of the system is read-only.
  const content = `[Unit]
Description=${description}
After=network.target ${postgresql.unit} ${units.chrony}

[Service]
Environment=${clientPath(postgresql)}
ExecStart=/usr/bin/env python3 ${LIBRARY}/${programName(name)} run ${configurationFile(name)}
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

/** How old the newest beat of the other site may be for a site to count as up to date, s: two that are missed. */
function currentWithinSeconds({ monitor }: PostgresSettings): number {
  return 3 * monitor.intervalSeconds;
}

/** What only the service itself is told, by service, in the order in which they start. */
function ownConfiguration(inputs: MonitorInputs): [Service, string, Record<string, unknown>][] {
  const { site, peer, settings, paired } = inputs;
  const { clock, monitor, walWarnPercent, writers } = settings;
  const { intervalSeconds } = monitor;
  const clockGate = {
    limits: clock,
    // The clocks are compared twice a second, which costs nothing; chrony is asked every five seconds, which starts a program.
    tickMs: TICK_MS,
    chronyEveryTicks: 10,
    reportEveryTicks: 10,
    repeatEveryTicks: 120,
  };
  const conflictLog = {
    logDirectory: LOG_DIRECTORY,
    logPrefix: LOG_PREFIX,
    keepDays: monitor.conflictKeepDays,
    keepLogDays: monitor.logKeepDays,
    intervalSeconds: 2,
  };
  const walBound = { slots: [slotSuffix(site)], warnPercent: walWarnPercent, intervalSeconds };
  const pairBeat = {
    peer,
    subscription: subscriptionFrom(peer),
    currentWithinSeconds: currentWithinSeconds(settings),
    // Where one site writes, it is the one that serves.
    followsRole: writers === "primary",
    agentFile: AGENT_STATE_FILE,
    heartbeats: {
      fit: `${HEARTBEATS}/${POSTGRES_HEARTBEATS.fit}`,
      current: `${HEARTBEATS}/${POSTGRES_HEARTBEATS.current}`,
    },
  };
  return [
    ["clock-gate", "Lets the database be written only while the clock can be trusted", clockGate],
    ["conflict-log", "Records the conflicts of replication", conflictLog],
    ["wal-bound", "Watches the WAL that is kept for the other site", walBound],
    ...(paired
      ? [["pair-beat", "Tells the pair how the database is", pairBeat] as [Service, string, typeof pairBeat]]
      : []),
  ];
}

/**
 * Renders the services beside a site's server: the clock gate, the reader of conflicts, the watch over the WAL, and with a pair
 * what beats for it.
 * @throws Error when the webhook is not https: its URL and what it is told would be readable on the way.
 */
export function renderMonitors(inputs: MonitorInputs): Monitors {
  const { webhook, textfileDirectory } = inputs;
  if (webhook !== undefined && !webhook.startsWith("https://")) {
    throw new Error("webhook: not an https URL; what it is told would be readable on the way");
  }
  const services = ownConfiguration(inputs);
  const names = services.map(([name]) => name);
  const files = [
    ...modules(),
    ...names.map((name) => program(FOLDERS[name], programName(name))),
    ...services.map(([name, , own]) => configuration(inputs, name, own)),
    ...services.map(([name, description]) => service(name, description, inputs.family)),
  ];
  return {
    files,
    units: names.map((name) => ({
      name: unitName(name),
      watches: [
        `/etc/systemd/system/${unitName(name)}`,
        configurationFile(name),
        ...modules().map(({ path }) => path),
        `${LIBRARY}/${programName(name)}`,
      ],
      onChange: "restart",
    })),
    teardown: [
      {
        name: "stop watching the database",
        argv: ["systemctl", "stop", ...names.map(unitName)],
      },
      {
        name: "remove what the database's services remember",
        argv: ["rm", "-rf", POSTGRES_STATE, ...names.map((name) => metricsFile(name, textfileDirectory))],
      },
    ],
  };
}
