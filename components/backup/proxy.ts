import type { BackupSettings } from "../../settings/schema";
import type { LinkView } from "../link/ends";
import type { Message } from "./envoy/resource";
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
  /** What other components have in the proxy. @default nothing */
  readonly parts?: readonly ProxyPart[];
}

/** What a component has in the gateway's proxy. */
export interface ProxyPart {
  readonly clusters: readonly Message[];
  /** Internal ones drain on their own: see DRAINS_FILE. */
  readonly listeners: readonly Message[];
  readonly choices: readonly Choice[];
}

/** Endpoints of a cluster that somebody chooses while the proxy runs. */
export interface Choice {
  readonly cluster: string;
  /** The first choice. Whoever chooses renames another into its file's place, and the keeper leaves that alone. */
  readonly assignment: Message;
}

/** The choices of all parts. */
export function choices({ parts = [] }: ProxyInputs): Choice[] {
  return parts.flatMap((part) => part.choices);
}

/** File of a choice, in `PROXY_DIRECTORY`. */
export function choiceFile(cluster: string): string {
  return `choice-${cluster}.json`;
}

/**
 * Epochs of listeners inside Envoy, as JSON by the listener's name: whoever raises one ends the
 * connections that go through that listener. Absent as long as nobody has.
 */
export const DRAINS_FILE = "/run/crossborder-ha/drains.json";

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

/** The listener through which connections to a service enter the backup path: Envoy's own, at `BACKUP_ADDRESS`. */
export function backupListener(service: Service): string {
  return `backup-${service.name}`;
}

/**
 * Where Envoy connects to itself, at the service's `localPort`, to enter the backup path. TCP of the kernel, so that the end of an
 * answer arrives behind it: a connection to a listener inside Envoy is reset instead when the tunnel's far end has closed.
 */
export const BACKUP_ADDRESS = "127.0.0.2";

/** What a health check asks for, in both ways. */
export const HEALTH_PATH = "/healthy";

/**
 * Most connections of a gateway at once. Twice what 5,000 users need would be memory for nothing: 5,000 idle ones take 175 to
 * 237 MB.
 */
export const MAX_CONNECTIONS = 6000;
