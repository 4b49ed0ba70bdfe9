import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import type { HealthSettings, PostgresSettings } from "../../settings/schema";
import { familyOf, filesFor, packagesFor, type PostgresPackages, systemParts } from "../host/families";
import type { OsFamily } from "../host/host";
import type { Command, HostFile, Manifest } from "../host/manifest";
import type { CertificatePaths } from "../pki/paths";
import { renderHba, renderIdent, replicationDsn } from "./access";
import { renderBackup } from "./backup/unit";
import { renderClockPace } from "./clock/unit";
import { renderReload, renderStart } from "./conf";
import { monitorSqlFile } from "./monitor/access";
import { renderMonitors } from "./monitor/unit";
import {
  AUTHORITIES_FILE,
  CERTIFICATE_NOTE,
  clientPath,
  HBA_FILE,
  IDENT_FILE,
  LEAF_FILE,
  LIBRARY,
  RECONNECT_UNIT,
  RELOAD_FILE,
  ROLES_FILE,
  SETUP_UNIT,
  SOCKET_DIRECTORY,
  START_FILE,
  SUBSCRIBE_UNIT,
  SUBSCRIPTION_FILE,
  TLS_UNIT,
} from "./paths";
import { applicationsOf, type PostgresView } from "./plan";
import { renderApplications, renderRoles, type Verifiers } from "./roles";
import { reconnectUnit, setupUnit, subscribeUnit, tlsUnit } from "./units";

/** Names of the components on hosts: the server with its database, and the subscription to the other site. */
export const POSTGRES_COMPONENT = "postgres";
export const REPLICATION_COMPONENT = "postgres-replication";

/** Longest first copy that still ends well, s. */
const FIRST_COPY_SECONDS = 24 * 3600;

/** Everything that decides what a site's PostgreSQL looks like. */
export interface PostgresInputs {
  readonly view: PostgresView;
  /** Name of the host. */
  readonly host: string;
  readonly family: OsFamily;
  readonly settings: PostgresSettings;
  readonly certificate: { readonly paths: CertificatePaths; readonly serial: string };
  readonly verifiers: Verifiers;
  readonly health: Pick<HealthSettings, "textfileDirectory">;
  /** Whether the hosts are a pair, whose keepalived wants to know how the database is. */
  readonly paired: boolean;
  /** The operator's webhook, an https URL. A secret. */
  readonly webhook?: string;
}

function source(name: string): string {
  return readFileSync(path.join(__dirname, name), "utf8");
}

function program(name: string, from: string): HostFile {
  return { path: `${LIBRARY}/${name}`, content: source(from), mode: "0755" };
}

/** The SQL of the product's own schema, in the order in which it runs. */
function schemaFiles(): HostFile[] {
  return readdirSync(path.join(__dirname, "sql"))
    .sort()
    .map((name) => ({ path: `${LIBRARY}/${name}`, content: source(`sql/${name}`), mode: "0644" }));
}

/** What a manifest of PostgreSQL's needs from the operating system. */
const SOFTWARE = ["postgresql", "chrony"] as const;

function asPostgres(packages: PostgresPackages, port: number, ...argv: string[]): string[] {
  const environment = [clientPath(packages), `PGHOST=${SOCKET_DIRECTORY}`, `PGPORT=${port}`];
  return ["runuser", "-u", "postgres", "--", "env", ...environment, ...argv];
}

function ask(
  name: string,
  { family, settings: { database, port } }: PostgresInputs,
  condition: string,
): Command {
  const query = `SELECT 1 / (${condition})::integer`;
  return {
    name,
    argv: asPostgres(
      familyOf(family).postgresql,
      port,
      "psql",
      "-X",
      "-q",
      "-At",
      "-v",
      "ON_ERROR_STOP=1",
      "-d",
      database,
      "-c",
      query,
    ),
  };
}

/** What runs beside the server: what keeps its clock, watches it, and makes backups. */
function besideTheServer(inputs: PostgresInputs): Pick<Manifest, "files" | "units" | "teardown"> {
  const { view, host, family, settings, paired, webhook } = inputs;
  const { textfileDirectory } = inputs.health;
  const site = view.local.site;
  const pace = renderClockPace(family);
  const monitors = renderMonitors({
    ...{ site, host, family, peer: view.peer.site, settings, textfileDirectory, paired },
    ...(webhook !== undefined && { webhook }),
  });
  const { backups } = settings;
  const backup =
    backups === "off"
      ? { files: [], units: [] }
      : renderBackup({ site, host, family, settings, backups, textfileDirectory });
  return {
    files: [...pace.files, ...monitors.files, ...backup.files],
    units: [...pace.units, ...monitors.units, ...backup.units],
    teardown: monitors.teardown,
  };
}

/** PostgreSQL on a site's host, with roles, database and the product's schema; it needs no other site. */
export function postgresManifest(inputs: PostgresInputs): Manifest {
  const { view, family, settings, certificate } = inputs;
  const { postgresql: packages } = familyOf(family);
  const applications = applicationsOf(settings);
  const hba = renderHba(settings);
  const ident = renderIdent(view);
  const roles = renderRoles(applications, inputs.verifiers);
  const sql = [...schemaFiles(), renderApplications(applications, settings.database), monitorSqlFile()];
  const units = [
    tlsUnit(packages, certificate.paths),
    setupUnit(packages, view, settings),
    reconnectUnit(packages, settings),
  ];
  const [tls, setup, reconnect] = units.map(({ path: file }) => file) as [string, string, string];
  const beside = besideTheServer(inputs);
  const leading = filesFor(family, SOFTWARE);
  const setupProgram = program("setup", "setup.sh");
  const reconnectProgram: HostFile = {
    path: `${LIBRARY}/reconnect`,
    content: source("reconnect.sql"),
    mode: "0644",
  };
  return {
    component: POSTGRES_COMPONENT,
    ...systemParts(family, SOFTWARE),
    packages: packagesFor(family, SOFTWARE),
    files: [
      ...leading,
      renderStart(settings),
      renderReload(settings),
      hba,
      ident,
      { path: CERTIFICATE_NOTE, content: `${certificate.serial}\n`, mode: "0644" },
      roles,
      ...sql,
      setupProgram,
      program("check", "check.sh"),
      program("leave", "leave.sh"),
      reconnectProgram,
      ...units,
      ...beside.files,
    ],
    sysctl: {},
    checks: [
      {
        name: "PostgreSQL reads its configuration",
        argv: ["sh", `{stage}${LIBRARY}/check`, "{stage}", packages.binaries],
      },
    ],
    units: [
      { name: TLS_UNIT, watches: [CERTIFICATE_NOTE, tls], onChange: "restart" },
      {
        name: packages.unit,
        watches: [START_FILE, ...leading.map(({ path: file }) => file)],
        onChange: "restart",
      },
      {
        name: packages.unit,
        watches: [RELOAD_FILE, HBA_FILE, IDENT_FILE, CERTIFICATE_NOTE],
        onChange: "reload",
      },
      {
        name: SETUP_UNIT,
        watches: [ROLES_FILE, ...sql.map(({ path: file }) => file), setupProgram.path, setup],
        onChange: "restart",
      },
      { name: RECONNECT_UNIT, watches: [reconnectProgram.path, reconnect], onChange: "restart" },
      ...beside.units,
    ],
    teardown: [
      { name: "stop the restarts of replication", argv: ["systemctl", "stop", RECONNECT_UNIT] },
      ...beside.teardown,
      {
        name: "take the product out of the database",
        argv: asPostgres(packages, settings.port, `${LIBRARY}/leave`, settings.database),
      },
      {
        name: "remove what the product made",
        argv: ["rm", "-rf", LEAF_FILE, AUTHORITIES_FILE, "/var/cache/crossborder/postgres-check"],
      },
    ],
    verify: [
      ask("commit timestamps are recorded", inputs, "current_setting('track_commit_timestamp') = 'on'"),
      ask(
        "event triggers fire for replication too",
        inputs,
        "(SELECT count(*) FROM pg_event_trigger WHERE evtname ~ '^crossborder_' AND evtenabled = 'A') = 2",
      ),
      ask(
        "nobody connects without proof",
        inputs,
        "NOT EXISTS (SELECT FROM pg_hba_file_rules WHERE error IS NOT NULL OR auth_method = 'trust')",
      ),
    ],
  };
}

/** The subscription of a site to the other, which has to have its node already. */
export function replicationManifest(inputs: PostgresInputs): Manifest {
  const { view, family, settings } = inputs;
  const { postgresql: packages } = familyOf(family);
  const { local, peer } = view;
  const paths = { leaf: LEAF_FILE, authorities: AUTHORITIES_FILE };
  const subscription = {
    database: settings.database,
    port: settings.port,
    socket: SOCKET_DIRECTORY,
    peer: peer.site,
    dsn: replicationDsn(view, settings.database, paths),
    copy: local.copies,
    deadlineSeconds: FIRST_COPY_SECONDS,
  };
  const file: HostFile = {
    path: SUBSCRIPTION_FILE,
    content: JSON.stringify(subscription, null, 2) + "\n",
    mode: "0644",
  };
  const unit = subscribeUnit(packages, settings);
  const subscribe = program("subscribe", "subscribe.py");
  return {
    component: REPLICATION_COMPONENT,
    ...systemParts(family, []),
    packages: [],
    files: [file, subscribe, unit],
    sysctl: {},
    checks: [],
    units: [{ name: SUBSCRIBE_UNIT, watches: [file.path, subscribe.path, unit.path], onChange: "restart" }],
    teardown: [
      {
        name: "end the subscription",
        argv: asPostgres(
          packages,
          settings.port,
          ...["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", settings.database, "-c"],
          `SELECT pglogical.drop_subscription('from_${peer.site}', true); DELETE FROM crossborder.note WHERE key = 'joined'`,
        ),
      },
    ],
    verify: [
      ask(
        "the subscription is there and enabled",
        inputs,
        `EXISTS (SELECT FROM pglogical.subscription WHERE sub_name = 'from_${peer.site}' AND sub_enabled)`,
      ),
    ],
  };
}
