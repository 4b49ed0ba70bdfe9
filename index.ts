import { BackupPath } from "./components/backup/backupPath";
import { ON_GATEWAY, servicesOf } from "./components/backup/service";
import { TLS_GROUP } from "./components/backup/unit";
import { vipPart } from "./components/ha/envoy";
import { HaPair } from "./components/ha/haPair";
import { ownHeartbeats } from "./components/ha/plan";
import { pairServices, portOf, servedAt } from "./components/ha/service";
import { CrossBorderLink } from "./components/link/crossBorderLink";
import { Certificates } from "./components/pki/certificates";
import { POSTGRES_HEARTBEATS } from "./components/postgres/plan";
import { ReplicatedPostgres } from "./components/postgres/replicatedPostgres";
import { protectFromDestruction } from "./components/protection";
import { firstBoots } from "./components/sites/firstBoot";
import { makeSites } from "./components/sites/make";
import { makeTraffic } from "./components/traffic/make";
import {
  publishBackup,
  publishCredentials,
  publishFacts,
  publishHa,
  publishHosts,
  publishLink,
  publishPostgres,
  publishTraffic,
} from "./outputs/publish";
import { ReplicationGate } from "./providers/replication";
import { TunnelRtt } from "./providers/tunnelRtt";
import { loadSettings } from "./settings/load";
import { POSTGRES_SERVICE } from "./settings/postgresRules";

// Settings
const settings = loadSettings();

// Sites
const sites = makeSites(settings, firstBoots(settings));
const primary = sites.find((site) => site.name === settings.primary)!;
const secondary = sites.find((site) => site.name !== settings.primary)!;

// Services
const services = [...servicesOf(settings), ...pairServices(settings)];
const backupSettings = settings.backup === "off" ? undefined : settings.backup;
const haSettings = settings.ha === "off" ? undefined : settings.ha;
const postgresSettings = settings.postgres === "off" ? undefined : settings.postgres;
const served = haSettings ? servedAt(haSettings.services, services) : [];

// Link
const crossBorderLink = new CrossBorderLink("link", {
  primary,
  secondary,
  link: settings.link,
  gate: settings.gate,
  health: settings.health,
  sshFrom: settings.access.sshFrom,
  sshPort: settings.access.sshPort,
  webhook: settings.webhook,
  backup: backupSettings && { port: backupSettings.port, services },
  vip: haSettings && { address: haSettings.vip, ports: served.map(portOf) },
});

// Backup path
const certificates =
  backupSettings &&
  new Certificates("certificates", {
    hosts: crossBorderLink.hosts.map(({ host }) => host),
    certificates: settings.certificates,
    group: TLS_GROUP,
  });
const backupPath =
  certificates &&
  new BackupPath("backup", {
    link: crossBorderLink,
    certificates,
    services,
    backup: backupSettings,
    part: haSettings && ((site) => vipPart({ vip: haSettings.vip, site, services: served })),
    health: settings.health,
    webhook: settings.webhook,
  });

// Pair
const pair =
  haSettings &&
  backupPath &&
  new HaPair("ha", {
    link: crossBorderLink,
    backup: backupPath,
    ha: haSettings,
    services: served,
    heartbeats: postgresSettings && {
      fit: [POSTGRES_HEARTBEATS.fit],
      // A link that comes and goes is still waited for.
      current: [...ownHeartbeats.current, POSTGRES_HEARTBEATS.current],
    },
    health: settings.health,
    confirmWithinSeconds: settings.link.confirmWithinSeconds,
    webhook: settings.webhook,
  });

// Health gate
const { probes, deadlineSeconds, measure } = settings.gate;
const gate = new TunnelRtt(
  "link-rtt",
  {
    link: crossBorderLink.facts,
    fingerprint: crossBorderLink.fingerprint,
    measure,
    probes,
    deadlineSeconds,
  },
  // Installing takes processors from what is measured.
  { dependsOn: [backupPath, pair].flatMap((component) => component ?? []) },
);

// Database
const postgresService = services.find(({ name }) => name === POSTGRES_SERVICE);
const replicatedPostgres =
  postgresSettings && certificates && postgresService
    ? new ReplicatedPostgres(
        "postgres",
        {
          primary,
          secondary,
          postgres: postgresSettings,
          replicationEndpoints: Object.fromEntries(
            sites.map(({ name }) => [name, { host: ON_GATEWAY, port: postgresService.localPort }]),
          ),
          certificates: certificates.leaves,
          health: settings.health,
          paired: pair !== undefined,
          webhook: settings.webhook,
        },
        { dependsOn: [gate, ...(backupPath ? [backupPath] : [])] },
      )
    : undefined;

// Replication gate
const replicationGate =
  postgresSettings &&
  replicatedPostgres &&
  new ReplicationGate("postgres-replication", {
    databases: replicatedPostgres.facts,
    fingerprint: replicatedPostgres.fingerprint,
    measure,
    deadlineSeconds: postgresSettings.gate.deadlineSeconds,
  });

// Traffic
const users = makeTraffic(settings, sites);

// Protection
protectFromDestruction(settings, [
  ...sites,
  ...[crossBorderLink, certificates, backupPath, pair, gate, replicatedPostgres, replicationGate, users],
]);

// Outputs
export const link = publishLink(crossBorderLink, gate, settings);
export const linkFacts = crossBorderLink.facts;
export const backup = publishBackup(settings, services);
export const ha = publishHa(settings, served);
export const postgres = publishPostgres(settings, services, replicationGate);
export const postgresFacts = publishFacts(replicatedPostgres);
export const postgresCredentials = publishCredentials(replicatedPostgres);
export const traffic = publishTraffic(users, settings);
export const hosts = publishHosts(
  [crossBorderLink, certificates, backupPath, pair, replicatedPostgres].flatMap(
    (component) => component?.hosts ?? [],
  ),
);
