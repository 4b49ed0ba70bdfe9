import { join } from "node:path";
import type { HaSettings, HealthSettings } from "../../settings/schema";
import { ADMIN_SOCKET, choiceFile, DRAINS_FILE, PROXY_DIRECTORY } from "../backup/proxy";
import { LOCAL_PORT_OFFSET, type Service } from "../backup/service";
import type { HostFile } from "../host/manifest";
import { programFile } from "../host/program";
import { GRE_DEVICE, type LinkView } from "../link/ends";
import { GRE_UNIT } from "../link/gre/device";
import { isMovable, roleListener, roles, vipChoice, vipCluster } from "./envoy";
import {
  AGENT_CONFIGURATION,
  AGENT_LIBRARY,
  AGENT_PROGRAM,
  AGENT_UNIT,
  PIN_FILE,
  RUN_DIRECTORY,
  weightsFor,
} from "./plan";

export const AGENT_UNIT_FILE = `/etc/systemd/system/${AGENT_UNIT}`;

const METRICS_NAME = "crossborder_ha.prom";

export interface AgentInputs {
  readonly view: LinkView;
  readonly ha: HaSettings;
  /** The services that are answered at the address. */
  readonly services: readonly Service[];
  readonly health: Pick<HealthSettings, "textfileDirectory">;
  /** The operator's webhook, an https URL. A secret. */
  readonly webhook?: string;
}

/** Where the agent publishes its metrics. */
export function metricsFile({ textfileDirectory }: Pick<HealthSettings, "textfileDirectory">): string {
  return `${textfileDirectory}/${METRICS_NAME}`;
}

/** What runs on the gateway: the agent with its modules, and keepalived's two scripts. */
export function agentPrograms(): HostFile[] {
  const source = (name: string, directory: string): HostFile =>
    programFile(`${AGENT_LIBRARY}/${name}`, join(__dirname, directory, name));
  return [
    source("ha_agent.py", "agent"),
    source("ha_decision.py", "agent"),
    source("reporting.py", "../host"),
    source("check.sh", "."),
    source("notify.sh", "."),
  ];
}

/** The agent's configuration. */
export function agentConfiguration({ view, ha, services, health, webhook }: AgentInputs): HostFile {
  const { local, peer } = view;
  const { preferred, pinned } = weightsFor(ha.priorities);
  const content = {
    site: local.site,
    host: local.host,
    primary: local.initiator,
    policy: ha.policy,
    vip: ha.vip,
    interface: GRE_DEVICE,
    peerCidr: peer.cidr,
    weights: { preferred, pinned },
    settleSeconds: ha.settleSeconds,
    drainSeconds: ha.drainSeconds,
    choices: services.map((service) => ({
      path: `${PROXY_DIRECTORY}/${choiceFile(vipCluster(service))}`,
      roles: Object.fromEntries(roles.map((role) => [role, vipChoice(service, local.site, role)])),
    })),
    listeners: Object.fromEntries(
      roles.map((role) => [
        role,
        services
          .filter((service) => isMovable(service, local.site))
          .map((service) => roleListener(service, role)),
      ]),
    ),
    drainsFile: DRAINS_FILE,
    adminSocket: ADMIN_SOCKET,
    statePort: ha.statePort,
    peerPort: ha.statePort + LOCAL_PORT_OFFSET,
    directory: RUN_DIRECTORY,
    pinFile: PIN_FILE,
    metricsFile: metricsFile(health),
    webhook: webhook ?? null,
  };
  return { path: AGENT_CONFIGURATION, content: JSON.stringify(content, undefined, 2) + "\n", mode: "0600" };
}

/** The agent's unit. What it knows outlives it, so that one that starts anew changes nothing without a reason. */
export function agentUnit(): HostFile {
  // Root, for the proxy's socket and files, keepalived's restart and the metrics' directory; the rest is read-only.
  const content = `[Unit]
Description=Decides who answers at the service address
After=${GRE_UNIT}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/env python3 ${AGENT_PROGRAM} run ${AGENT_CONFIGURATION}
Restart=always
RestartSec=1
RuntimeDirectory=${RUN_DIRECTORY.replace("/run/", "")}
RuntimeDirectoryPreserve=yes
UMask=0022
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
  return { path: AGENT_UNIT_FILE, content, mode: "0644" };
}
