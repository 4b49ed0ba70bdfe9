import { join } from "node:path";
import { probeArguments } from "../../../providers/probes/measure";
import type { HealthSettings, LinkSettings, Settings } from "../../../settings/schema";
import type { Command, HostFile, Unit } from "../../host/manifest";
import { programFile } from "../../host/program";
import { GRE_DEVICE, type LinkView } from "../ends";
import { SECRETS_FILE } from "../ipsec/swanctl";

const LIBRARY = "/usr/local/lib/crossborder";
const HEALTH_NAME = "crossborder-link-health";
const SERVICE_FILE = `/etc/systemd/system/${HEALTH_NAME}.service`;
const TIMER_FILE = `/etc/systemd/system/${HEALTH_NAME}.timer`;

/** What the probe is to look at, the operator's webhook included. */
export const HEALTH_CONFIGURATION = "/etc/crossborder/link-health.json";

/** The probe itself: `link_health.py run | summary <configuration>`. */
export const HEALTH_PROGRAM = `${LIBRARY}/link_health.py`;

/** Where the probe keeps its records of the last 24 hours. */
export const HEALTH_DIRECTORY = "/var/lib/crossborder/health";

const METRICS_NAME = "crossborder_link.prom";

/** Probes of one run and the time between them: a second's worth, so that a run is short even on a slow machine. */
const PROBES = 10;
const INTERVAL_MS = 100;
const KEEP_HOURS = 24;

export interface HealthInputs {
  readonly view: LinkView;
  readonly link: Pick<LinkSettings, "mtu" | "bfd">;
  /** The limits beyond which a link that works is degraded. */
  readonly gate: Pick<Settings["gate"], "budgetMs" | "lossLimitPercent">;
  readonly health: HealthSettings;
  /** The operator's webhook, an https URL. A secret. */
  readonly webhook?: string;
}

/** The part of a link's manifest that probes it all the time. */
export interface Health {
  readonly files: readonly HostFile[];
  readonly units: readonly Unit[];
  /** Removes the records, which no file of the manifest names. */
  readonly teardown: readonly Command[];
}

function program(name: string, directory = __dirname): HostFile {
  return programFile(`${LIBRARY}/${name}`, join(directory, name));
}

function configuration({ view, link, gate, health, webhook }: HealthInputs): HostFile {
  const content = {
    name: [view.local, view.peer]
      .sort((a, b) => Number(b.initiator) - Number(a.initiator))
      .map(({ site }) => site)
      .join("-"),
    site: view.local.site,
    host: view.local.host,
    link: probeArguments(
      { interface: GRE_DEVICE, mtu: link.mtu, credentialsMarker: SECRETS_FILE },
      view.peer,
    ),
    bfd: link.bfd !== "off",
    budgetMs: gate.budgetMs,
    lossLimitPercent: gate.lossLimitPercent,
    probes: PROBES,
    intervalMs: INTERVAL_MS,
    keepHours: KEEP_HOURS,
    directory: HEALTH_DIRECTORY,
    metricsFile: `${health.textfileDirectory}/${METRICS_NAME}`,
    webhook: webhook ?? null,
  };
  return { path: HEALTH_CONFIGURATION, content: JSON.stringify(content, undefined, 2) + "\n", mode: "0600" };
}

function service(): HostFile {
  // Root, for the daemons' control sockets and for probes bound to the device; the rest of the system is read-only.
  const content = `[Unit]
Description=One look at the link between the sites
After=network.target

[Service]
Type=oneshot
ExecStart=/usr/bin/env python3 ${HEALTH_PROGRAM} run ${HEALTH_CONFIGURATION}
TimeoutStartSec=60
Nice=5
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
`;
  return { path: SERVICE_FILE, content, mode: "0644" };
}

function timer(intervalSeconds: number): HostFile {
  const content = `[Unit]
Description=Looks at the link between the sites all the time

[Timer]
OnActiveSec=${intervalSeconds}s
OnUnitActiveSec=${intervalSeconds}s
AccuracySec=1s

[Install]
WantedBy=timers.target
`;
  return { path: TIMER_FILE, content, mode: "0644" };
}

/**
 * Renders the probe that is always on.
 * @throws Error when the webhook is not https: its URL and what it is told would be readable on the way.
 */
export function renderHealth(inputs: HealthInputs): Health {
  if (inputs.webhook !== undefined && !inputs.webhook.startsWith("https://")) {
    throw new Error("webhook: not an https URL; what it is told would be readable on the way");
  }
  return {
    files: [
      program("link_probe.py"),
      program("link_health.py"),
      program("reporting.py", join(__dirname, "../../host")),
      configuration(inputs),
      service(),
      timer(inputs.health.intervalSeconds),
    ],
    units: [{ name: `${HEALTH_NAME}.timer`, watches: [TIMER_FILE, SERVICE_FILE], onChange: "restart" }],
    teardown: [
      {
        name: "stop probing the link",
        argv: ["systemctl", "stop", `${HEALTH_NAME}.timer`, `${HEALTH_NAME}.service`],
      },
      {
        name: "remove the link's health records",
        argv: ["rm", "-rf", HEALTH_DIRECTORY, `${inputs.health.textfileDirectory}/${METRICS_NAME}`],
      },
    ],
  };
}
