import { join } from "node:path";
import type { BackupSettings, HealthSettings } from "../../settings/schema";
import type { HostFile, Unit } from "../host/manifest";
import { programFile } from "../host/program";
import {
  ADMIN_SOCKET,
  DRAINS_FILE,
  peerCluster,
  PROXY_DIRECTORY,
  type ProxyInputs,
  PUBLIC_CLUSTER,
} from "./proxy";
import { usedBy } from "./service";

/** Group that may read the gateway's key, and of which the proxy is a member. */
export const TLS_GROUP = "crossborder-tls";

export const PROXY_UNIT = "crossborder-proxy.service";
export const KEEPER_UNIT = "crossborder-backup.service";

/** The proxy's start, and the files that the keeper hands to it. */
export const BOOTSTRAP_FILE = "/etc/crossborder/proxy.json";
export const TEMPLATES = "/etc/crossborder/proxy.d";

/** What the keeper is to look at, the operator's webhook included. */
export const KEEPER_CONFIGURATION = "/etc/crossborder/backup.json";

const LIBRARY = "/usr/local/lib/crossborder/backup";

/** The keeper: `backup_keeper.py run | publish | await | show <configuration>`. */
export const KEEPER_PROGRAM = `${LIBRARY}/backup_keeper.py`;

/** What the keeper remembers over a restart. Not the installer's own records, which have the component's name. */
export const KEEPER_DIRECTORY = "/var/lib/crossborder/backup-path";

/** Where the keeper's latest look is. */
const STATE_DIRECTORY = "crossborder-backup";

const METRICS_NAME = "crossborder_backup.prom";

export interface KeeperInputs extends ProxyInputs {
  readonly backup: BackupSettings;
  readonly health: Pick<HealthSettings, "textfileDirectory">;
  /** The operator's webhook, an https URL. A secret. */
  readonly webhook?: string;
}

/** Where the keeper publishes its metrics. */
export function metricsFile({ textfileDirectory }: Pick<HealthSettings, "textfileDirectory">): string {
  return `${textfileDirectory}/${METRICS_NAME}`;
}

/** The keeper's programs. */
export function keeperPrograms(): HostFile[] {
  const source = (name: string, directory: string): HostFile =>
    programFile(`${LIBRARY}/${name}`, join(__dirname, directory, name));
  return [
    source("backup_keeper.py", "keeper"),
    source("backup_proxy.py", "keeper"),
    source("reporting.py", "../host"),
  ];
}

/** The keeper's configuration. */
export function keeperConfiguration({ view, services, backup, health, webhook }: KeeperInputs): HostFile {
  const content = {
    name: [view.local, view.peer]
      .sort((a, b) => Number(b.initiator) - Number(a.initiator))
      .map(({ site }) => site)
      .join("-"),
    site: view.local.site,
    host: view.local.host,
    services: usedBy(view.local.site, services).map((service) => ({
      name: service.name,
      cluster: peerCluster(service),
    })),
    publicCluster: PUBLIC_CLUSTER,
    drainSeconds: backup.drainSeconds,
    hold: backup.hold,
    templates: TEMPLATES,
    runtime: PROXY_DIRECTORY,
    adminSocket: ADMIN_SOCKET,
    drainsFile: DRAINS_FILE,
    stateFile: `/run/${STATE_DIRECTORY}/state.json`,
    memoryFile: `${KEEPER_DIRECTORY}/memory.json`,
    metricsFile: metricsFile(health),
    webhook: webhook ?? null,
  };
  return { path: KEEPER_CONFIGURATION, content: JSON.stringify(content, undefined, 2) + "\n", mode: "0600" };
}

/**
 * The proxy's unit. It runs as a user of its own that exists while it runs, reads its configuration and key, and writes
 * nothing but its socket.
 * @param envoy Path of the program.
 */
export function proxyUnit(envoy: string): HostFile {
  // Drains at once: when connections have to go is the keeper's decision, and it has waited already.
  const options =
    "--disable-hot-restart --concurrency 2 --drain-strategy immediate --drain-time-s 1 --log-level warning";
  const content = `[Unit]
Description=Proxy for services of the other site
Wants=network.target
After=network.target crossborder-firewall.service crossborder-pki.service
StartLimitIntervalSec=0

[Service]
Type=exec
DynamicUser=yes
SupplementaryGroups=${TLS_GROUP}
RuntimeDirectory=${PROXY_DIRECTORY.replace("/run/", "")}
ExecStartPre=+/usr/bin/env python3 ${KEEPER_PROGRAM} publish ${KEEPER_CONFIGURATION}
ExecStart=${envoy} -c ${BOOTSTRAP_FILE} ${options}
ExecStartPost=+/usr/bin/env python3 ${KEEPER_PROGRAM} await ${KEEPER_CONFIGURATION}
Restart=always
RestartSec=1
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`;
  return { path: `/etc/systemd/system/${PROXY_UNIT}`, content, mode: "0644" };
}

/** The keeper's unit. */
export function keeperUnit(): HostFile {
  // Root, for the proxy's socket and the metrics' directory; the rest of the system is read-only.
  const content = `[Unit]
Description=Keeper of the backup path
After=${PROXY_UNIT}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/bin/env python3 ${KEEPER_PROGRAM} run ${KEEPER_CONFIGURATION}
Restart=always
RestartSec=1
RuntimeDirectory=${STATE_DIRECTORY}
RuntimeDirectoryMode=0700
UMask=0077
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=full

[Install]
WantedBy=multi-user.target
`;
  return { path: `/etc/systemd/system/${KEEPER_UNIT}`, content, mode: "0644" };
}

/** The units in their order, each with the files whose change it must notice; the rest the keeper notices by itself. */
export function backupUnits(): Unit[] {
  const programs = keeperPrograms().map(({ path }) => path);
  return [
    {
      name: PROXY_UNIT,
      watches: [BOOTSTRAP_FILE, `/etc/systemd/system/${PROXY_UNIT}`],
      onChange: "restart",
    },
    {
      name: KEEPER_UNIT,
      watches: [...programs, KEEPER_CONFIGURATION, `/etc/systemd/system/${KEEPER_UNIT}`],
      onChange: "restart",
    },
  ];
}
