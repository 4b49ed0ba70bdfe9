import { CrossBorderLink } from "./components/link/crossBorderLink";
import { ExistingSite } from "./components/sites/existing";
import { publishHosts, publishLink } from "./outputs/publish";
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
});

// Health gate
const { probes, deadlineSeconds, measure } = settings.gate;
const gate = new TunnelRtt("link-rtt", {
  link: crossBorderLink.facts,
  fingerprint: crossBorderLink.fingerprint,
  measure,
  probes,
  deadlineSeconds,
});

// Outputs
export const link = publishLink(crossBorderLink, gate, settings);
export const linkFacts = crossBorderLink.facts;
export const hosts = publishHosts(crossBorderLink.hosts);
