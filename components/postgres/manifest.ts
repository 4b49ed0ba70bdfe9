import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import type { HealthSettings, PostgresSettings } from "../../settings/schema";
import { packagesFor } from "../host/families";
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
  BINARIES,
  CERTIFICATE_NOTE,
  CLIENT_PATH,
  HBA_FILE,
  IDENT_FILE,
  LEAF_FILE,
  LIBRARY,
  POSTGRES_UNIT,
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

function asPostgres(port: number, ...argv: string[]): string[] {
  const environment = [CLIENT_PATH, `PGHOST=${SOCKET_DIRECTORY}`, `PGPORT=${port}`];
  return ["runuser", "-u", "postgres", "--", "env", ...environment, ...argv];
}

function ask(name: string, { database, port }: PostgresSettings, condition: string): Command {
  const query = `SELECT 1 / (${condition})::integer`;
  return {
    name,
    argv: asPostgres(port, "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", query),
  };
}

/** What runs beside the server: what keeps its clock, watches it, and makes backups. */
function besideTheServer(inputs: PostgresInputs): Pick<Manifest, "files" | "units" | "teardown"> {
  const { view, host, settings, paired, webhook } = inputs;
  const { textfileDirectory } = inputs.health;
  const site = view.local.site;
  const pace = renderClockPace();
  const monitors = renderMonitors({
    ...{ site, host, peer: view.peer.site, settings, textfileDirectory, paired },
    ...(webhook !== undefined && { webhook }),
  });
  const { backups } = settings;
  const backup =
    backups === "off"
      ? { files: [], units: [] }
      : renderBackup({ site, host, settings, backups, textfileDirectory });
  return {
    files: [...pace.files, ...monitors.files, ...backup.files],
    units: [...pace.units, ...monitors.units, ...backup.units],
    teardown: monitors.teardown,
  };
}

/** PostgreSQL on a site's host, with roles, database and the product's schema; it needs no other site. */
export function postgresManifest(inputs: PostgresInputs): Manifest {
  const { view, settings, certificate } = inputs;
  const applications = applicationsOf(settings);
  const hba = renderHba(settings);
  const ident = renderIdent(view);
  const roles = renderRoles(applications, inputs.verifiers);
  const sql = [...schemaFiles(), renderApplications(applications, settings.database), monitorSqlFile()];
  const units = [tlsUnit(certificate.paths), setupUnit(view, settings), reconnectUnit(settings)];
  const [tls, setup, reconnect] = units.map(({ path: file }) => file) as [string, string, string];
  const beside = besideTheServer(inputs);
  const setupProgram = program("setup", "setup.sh");
  const reconnectProgram: HostFile = {
    path: `${LIBRARY}/reconnect`,
    content: source("reconnect.sql"),
    mode: "0644",
  };
  return {
    component: POSTGRES_COMPONENT,
    packages: packagesFor(inputs.family, ["postgresql", "chrony"]),
    files: [
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
        argv: ["sh", `{stage}${LIBRARY}/check`, "{stage}", BINARIES],
      },
    ],
    units: [
      { name: TLS_UNIT, watches: [CERTIFICATE_NOTE, tls], onChange: "restart" },
      { name: POSTGRES_UNIT, watches: [START_FILE], onChange: "restart" },
      {
        name: POSTGRES_UNIT,
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
        argv: asPostgres(settings.port, `${LIBRARY}/leave`, settings.database),
      },
      {
        name: "remove what the product made",
        argv: ["rm", "-rf", LEAF_FILE, AUTHORITIES_FILE, "/var/cache/crossborder/postgres-check"],
      },
    ],
    verify: [
      ask("commit timestamps are recorded", settings, "current_setting('track_commit_timestamp') = 'on'"),
      ask(
        "event triggers fire for replication too",
        settings,
        "(SELECT count(*) FROM pg_event_trigger WHERE evtname ~ '^crossborder_' AND evtenabled = 'A') = 2",
      ),
      ask(
        "nobody connects without proof",
        settings,
        "NOT EXISTS (SELECT FROM pg_hba_file_rules WHERE error IS NOT NULL OR auth_method = 'trust')",
      ),
    ],
  };
}

/** The subscription of a site to the other, which has to have its node already. */
export function replicationManifest({ view, settings }: PostgresInputs): Manifest {
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
  const unit = subscribeUnit(settings);
  const subscribe = program("subscribe", "subscribe.py");
  return {
    component: REPLICATION_COMPONENT,
    packages: [],
    files: [file, subscribe, unit],
    sysctl: {},
    checks: [],
    units: [{ name: SUBSCRIBE_UNIT, watches: [file.path, subscribe.path, unit.path], onChange: "restart" }],
    teardown: [
      {
        name: "end the subscription",
        argv: asPostgres(
          settings.port,
          ...["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", settings.database, "-c"],
          `SELECT pglogical.drop_subscription('from_${peer.site}', true); DELETE FROM crossborder.note WHERE key = 'joined'`,
        ),
      },
    ],
    verify: [
      ask(
        "the subscription is there and enabled",
        settings,
        `EXISTS (SELECT FROM pglogical.subscription WHERE sub_name = 'from_${peer.site}' AND sub_enabled)`,
      ),
    ],
  };
}
