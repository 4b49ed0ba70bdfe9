import type { BackupSettings } from "../../settings/schema";
import type { LinkView } from "../link/ends";
import type { Service } from "./service";

/** What decides how one gateway's proxy is configured. */
export interface ProxyInputs {
  readonly view: LinkView;
  readonly services: readonly Service[];
  readonly backup: Pick<BackupSettings, "port" | "healthCheck">;
  /** Files on the gateway: its certificate with the key, and the authorities that it trusts. In one directory. */
  readonly certificate: { readonly leaf: string; readonly authorities: string };
  /** The DNS name in the certificate of the peer's gateway: the only one that is accepted. */
  readonly peerName: string;
}

/** Everything that the proxy is given while it runs, and its socket: it writes nowhere else. */
export const PROXY_DIRECTORY = "/run/crossborder-proxy";

/** Envoy's own interface for looking into it. A Unix socket: nothing on the network reaches it. */
export const ADMIN_SOCKET = `${PROXY_DIRECTORY}/admin.sock`;

/** Files of Envoy's discovery services in `PROXY_DIRECTORY`, each replaced as a whole (xDS over the file system). */
export const CLUSTERS_FILE = "clusters.json";
export const LISTENERS_FILE = "listeners.json";

/** A secret has a file of its own, as Envoy wants it. */
export function secretFile(secret: string): string {
  return `secret-${secret}.json`;
}

/** So have a cluster's endpoints. */
export function endpointsFile(service: Service): string {
  return `endpoints-${service.name}.json`;
}

/** The cluster that has tunnels to the peer's public address. */
export const PUBLIC_CLUSTER = "public";

/** The cluster of the other site's service: the link first, the backup path second. */
export function peerCluster(service: Service): string {
  return `peer-${service.name}`;
}

/** The cluster of this site's own service. */
export function ownCluster(service: Service): string {
  return `own-${service.name}`;
}

/** The listener inside Envoy through which connections to a service enter the backup path. */
export function backupListener(service: Service): string {
  return `backup-${service.name}`;
}

/** What a health check asks for, in both ways. */
export const HEALTH_PATH = "/healthy";

/**
 * Most connections of a gateway at once. Twice what 5,000 users need would be memory for nothing: 5,000 idle ones take 175 to
 * 237 MB.
 */
export const MAX_CONNECTIONS = 6000;
