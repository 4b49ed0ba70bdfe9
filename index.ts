import { BackupPath } from "./components/backup/backupPath";
import { servicesOf } from "./components/backup/service";
import { TLS_GROUP } from "./components/backup/unit";
import { CrossBorderLink } from "./components/link/crossBorderLink";
import { Certificates } from "./components/pki/certificates";
import { ExistingSite } from "./components/sites/existing";
import { publishBackup, publishHosts, publishLink } from "./outputs/publish";
import { TunnelRtt } from "./providers/tunnelRtt";
import { loadSettings } from "./settings/load";

// Settings
const settings = loadSettings();

// Sites
const sites = Object.entries(settings.sites).map(
  ([name, site]) => new ExistingSite(name, { settings: site, connections: settings.connections }),
);
const primary = sites.find((site) => site.name === settings.primary)!;
const secondary = sites.find((site) => site.name !== settings.primary)!;

// Services
const services = servicesOf(settings);
const backupSettings = settings.backup === "off" ? undefined : settings.backup;

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
    health: settings.health,
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
  { dependsOn: backupPath ?? [] },
);

// Outputs
export const link = publishLink(crossBorderLink, gate, settings);
export const linkFacts = crossBorderLink.facts;
export const backup = publishBackup(settings, services);
export const hosts = publishHosts(
  [crossBorderLink, certificates, backupPath].flatMap((component) => component?.hosts ?? []),
);
