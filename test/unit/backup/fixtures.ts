import { servicesOf, type Service } from "../../../components/backup/service";
import type { KeeperInputs } from "../../../components/backup/unit";
import { certificatePaths, dnsNameOf } from "../../../components/pki/paths";
import type { LinkView } from "../../../components/link/ends";
import { parseSettings } from "../../../settings/parse";
import type { BackupSettings } from "../../../settings/schema";
import { fromLa } from "../link/fixtures";
import { validSettings } from "../settings/fixtures";

/** One that both sites have on their gateways, and one of Singapore's alone, for every host of the other site. */
export const rawServices = {
  postgres: { port: 5432 },
  vault: { port: 8200, localPort: 8300, listen: "site", sites: { sg: { address: "10.20.0.30" } } },
};

const settings = parseSettings({ ...validSettings(), services: rawServices, backup: {} });

export const services: readonly Service[] = servicesOf(settings);

export const backupSettings = settings.backup as BackupSettings;

export function inputs(view: LinkView = fromLa, set: Partial<KeeperInputs> = {}): KeeperInputs {
  return {
    view,
    services,
    backup: backupSettings,
    health: { textfileDirectory: "/var/lib/prometheus/node-exporter" },
    certificate: certificatePaths(view.local.host),
    peerName: dnsNameOf(view.peer.host),
    ...set,
  };
}
