import {
  ADMIN_SOCKET,
  choices,
  CLUSTERS_FILE,
  LISTENERS_FILE,
  MAX_CONNECTIONS,
  peerCluster,
  PROXY_DIRECTORY,
  type ProxyInputs,
} from "../proxy";
import { usedBy } from "../service";
import { clusters } from "./clusters";
import { assignment } from "./endpoints";
import { listeners } from "./listeners";
import { extension, type Message, watched } from "./resource";
import { secrets } from "./tls";

/** What doesn't change while Envoy runs. */
function common({ view }: ProxyInputs): Message {
  return {
    node: { id: view.local.host, cluster: view.local.site },
    admin: { address: { pipe: { path: ADMIN_SOCKET, mode: 0o600 } }, ignore_global_conn_limit: true },
    bootstrap_extensions: [
      extension(
        "envoy.bootstrap.internal_listener",
        "extensions.bootstrap.internal_listener.v3.InternalListener",
      ),
    ],
    overload_manager: {
      resource_monitors: [
        extension(
          "envoy.resource_monitors.global_downstream_max_connections",
          "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
          { max_active_downstream_connections: MAX_CONNECTIONS },
        ),
      ],
    },
  };
}

/** Envoy's start: everything else it finds in the files of its discovery services. */
export function bootstrap(inputs: ProxyInputs): Message {
  return {
    ...common(inputs),
    dynamic_resources: {
      cds_config: watched(PROXY_DIRECTORY, CLUSTERS_FILE),
      lds_config: watched(PROXY_DIRECTORY, LISTENERS_FILE),
    },
  };
}

/**
 * The same as one file, for Envoy's own parser (`envoy --mode validate`), which doesn't read those of discovery services. It
 * reads the certificate's files, so that they have to be there.
 */
export function whole(inputs: ProxyInputs): Message {
  const { site } = inputs.view.local;
  const assignments = new Map([
    ...usedBy(site, inputs.services).map(
      (service) => [peerCluster(service), assignment(service, inputs)] as const,
    ),
    ...choices(inputs).map(({ cluster, assignment: first }) => [cluster, first] as const),
  ]);
  return {
    ...common(inputs),
    static_resources: {
      clusters: clusters(inputs, "static").map(({ eds_cluster_config: discovered, ...cluster }) =>
        discovered === undefined
          ? cluster
          : { ...cluster, type: "STATIC", load_assignment: assignments.get(String(cluster["name"]))! },
      ),
      listeners: listeners(inputs, "static"),
      secrets: secrets(inputs),
    },
  };
}
