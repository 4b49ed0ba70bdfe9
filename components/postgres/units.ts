import type { PostgresPackages } from "../host/families";
import type { HostFile } from "../host/manifest";
import { PKI_UNIT } from "../pki/manifest";
import type { CertificatePaths } from "../pki/paths";
import type { PostgresSettings } from "../../settings/schema";
import {
  AUTHORITIES_FILE,
  clientPath,
  LEAF_FILE,
  LIBRARY,
  RECONNECT_UNIT,
  ROLES_FILE,
  SETUP_UNIT,
  SOCKET_DIRECTORY,
  SUBSCRIBE_UNIT,
  SUBSCRIPTION_FILE,
  TLS_UNIT,
} from "./paths";
import type { PostgresView } from "./plan";

function unit(name: string, content: string): HostFile {
  return { path: `/etc/systemd/system/${name}`, content, mode: "0644" };
}

/** Gives postgres copies of the host's certificate that are its own. */
export function tlsUnit(
  { unit: server }: PostgresPackages,
  { leaf, authorities }: CertificatePaths,
): HostFile {
  const install = (from: string, to: string): string =>
    `ExecStart=/usr/bin/install -o postgres -g postgres -m 0600 ${from} ${to}\n`;
  return unit(
    TLS_UNIT,
    `[Unit]
Description=Certificate of this host, for PostgreSQL
After=${PKI_UNIT}
Before=${server}

[Service]
Type=oneshot
RemainAfterExit=yes
${install(leaf, LEAF_FILE)}${install(authorities, AUTHORITIES_FILE)}
[Install]
WantedBy=multi-user.target
`,
  );
}

/** Runs as postgres, with its socket. */
function client(
  packages: PostgresPackages,
  description: string,
  after: string,
  port: number,
  service: string,
): string {
  return `[Unit]
Description=${description}
After=${after}
Wants=${packages.unit}

[Service]
User=postgres
Environment=${clientPath(packages)} PGHOST=${SOCKET_DIRECTORY} PGPORT=${port}
${service}
[Install]
WantedBy=multi-user.target
`;
}

/** Longest start of a unit, s: the installer waits as long. */
const START_SECONDS = 120;

export function setupUnit(
  packages: PostgresPackages,
  { local, peer }: PostgresView,
  settings: PostgresSettings,
): HostFile {
  const { database, locale, adopt, port, writers } = settings;
  const primary = (local.primary ? local : peer).site;
  const words = [
    database,
    locale,
    adopt && local.primary,
    local.site,
    local.number,
    primary,
    writers,
    ROLES_FILE,
  ];
  return unit(
    SETUP_UNIT,
    client(
      packages,
      "Roles, database and schema of crossborder in PostgreSQL",
      packages.unit,
      port,
      `Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=${START_SECONDS}
ExecStart=${LIBRARY}/setup ${words.join(" ")}
`,
    ),
  );
}

export function reconnectUnit(packages: PostgresPackages, { database, port }: PostgresSettings): HostFile {
  return unit(
    RECONNECT_UNIT,
    client(
      packages,
      "Restart of PostgreSQL replication's workers",
      SETUP_UNIT,
      port,
      `Environment=PGAPPNAME=crossborder-reconnect
ExecStart=${packages.binaries}/psql -X -q -At -o /dev/null -v ON_ERROR_STOP=1 -d ${database} -f ${LIBRARY}/reconnect
Restart=always
RestartSec=3
`,
    ),
  );
}

export function subscribeUnit(packages: PostgresPackages, { port }: PostgresSettings): HostFile {
  return unit(
    SUBSCRIBE_UNIT,
    client(
      packages,
      "Subscription to the other site's PostgreSQL",
      SETUP_UNIT,
      port,
      `Type=notify
NotifyAccess=main
RemainAfterExit=yes
TimeoutStartSec=${START_SECONDS}
ExecStart=${LIBRARY}/subscribe ${SUBSCRIPTION_FILE}
`,
    ),
  );
}
