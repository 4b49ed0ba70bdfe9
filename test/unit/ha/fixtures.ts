import { servicesOf, type Service } from "../../../components/backup/service";
import type { AgentInputs } from "../../../components/ha/agent";
import { pairServices, servedAt } from "../../../components/ha/service";
import type { LinkView } from "../../../components/link/ends";
import { parseSettings } from "../../../settings/parse";
import type { HaSettings, Settings } from "../../../settings/schema";
import { rawServices } from "../backup/fixtures";
import { fromLa } from "../link/fixtures";
import { validSettings } from "../settings/fixtures";

/** Settings of a pair, with some of the pair's own set. */
export function pairSettings(set: Record<string, unknown> = {}): Settings {
  return parseSettings({ ...validSettings(), services: rawServices, backup: {}, ha: set });
}

export function haSettings(set: Record<string, unknown> = {}): HaSettings {
  return pairSettings(set).ha as HaSettings;
}

/** PostgreSQL on both gateways, and Vault in Singapore alone. */
export const served: readonly Service[] = servedAt(undefined, servicesOf(pairSettings()));

/** The same with the pair's own service. */
export const allServices: readonly Service[] = [...served, ...pairServices(pairSettings())];

export function inputs(view: LinkView = fromLa, set: Partial<AgentInputs> = {}): AgentInputs {
  return {
    view,
    ha: haSettings(),
    services: served,
    health: { textfileDirectory: "/var/lib/prometheus/node-exporter" },
    ...set,
  };
}
