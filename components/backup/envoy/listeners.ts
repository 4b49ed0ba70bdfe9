import {
  BACKUP_ADDRESS,
  backupListener,
  HEALTH_PATH,
  ownCluster,
  peerCluster,
  type ProxyInputs,
  PUBLIC_CLUSTER,
} from "../proxy";
import { offeredBy, ON_GATEWAY, servedBy, type Service, usedBy } from "../service";
import { keepalive, TUNNELS_PER_CONNECTION } from "./clusters";
import { clientKeepalive } from "./keepalive";
import { duration, extension, type Json, type Message, socket } from "./resource";
import { downstreamTls, type SecretSource } from "./tls";

/**
 * Attempts of one connection: as many as it takes to have the link left out after a row of connects that are refused at once, and
 * then to take the backup path. Between them a moment, in which that becomes known.
 */
const CONNECT_ATTEMPTS = 7;
const BETWEEN_ATTEMPTS_MS = 2;

/** Longest TLS handshake, ms: one that hangs holds no memory for long. */
const HANDSHAKE_MS = 5000;

/**
 * Requests on one connection before the peer has to make another, which proves its certificate anew. Health checks stay on theirs: at
 * two a second it is 5 minutes old at most, and a certificate that no connection would be made with any more is noticed. Tunnels
 * that are open go on.
 */
const REQUESTS_PER_CONNECTION = 600;

/** Windows of HTTP/2 for what clients send, bytes: 2 MiB under way are 100 Mbit/s at 160 ms; a connection carries several tunnels. */
const STREAM_WINDOW = 2 * 2 ** 20;
const CONNECTION_WINDOW = 16 * 2 ** 20;

const MANAGER = "envoy.filters.network.http_connection_manager";
const MANAGER_TYPE = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/** TCP to a cluster. Connections may be idle for as long as their ends like. */
export function tcp(name: string, cluster: string, more: Message = {}): Message {
  return extension("envoy.filters.network.tcp_proxy", "extensions.filters.network.tcp_proxy.v3.TcpProxy", {
    stat_prefix: name,
    cluster,
    idle_timeout: "0s",
    ...more,
  });
}

/** The peer's way to a service of this site: over the link, from the peer's end of it alone. The keeper ends it by the chain's name. */
function fromLink(service: Service, { view }: ProxyInputs): Message {
  return {
    name: "link",
    filter_chain_match: { source_prefix_ranges: [single(view.peer.linkAddress)] },
    filters: [tcp(`link-${service.name}`, ownCluster(service))],
  };
}

/** This site's way to a service of the other. */
export function toPeer(service: Service): Message[] {
  const backoff = {
    base_interval: duration(BETWEEN_ATTEMPTS_MS),
    max_interval: duration(BETWEEN_ATTEMPTS_MS),
  };
  return [
    tcp(`peer-${service.name}`, peerCluster(service), {
      max_connect_attempts: CONNECT_ATTEMPTS,
      backoff_options: backoff,
    }),
  ];
}

function single(address: string): Message {
  return { address_prefix: address, prefix_len: 32 };
}

function range(cidr: string): Message {
  const [address, length] = cidr.split("/");
  return { address_prefix: address!, prefix_len: Number(length) };
}

/** A listener on the gateway's own address. It may come up before the address does, at boot. */
function onPrivateAddress(name: string, address: string, port: number, chains: Message): Message {
  return { name, address: socket(address, port), freebind: true, ...chains };
}

/** The listeners of one service on this gateway. */
function serviceListeners(service: Service, inputs: ProxyInputs): Message[] {
  const { local } = inputs.view;
  const uses = usedBy(local.site, [service]).length > 0;
  const offers = local.site in service.endpoints;
  const chains = [
    ...(offers ? [fromLink(service, inputs)] : []),
    ...(uses && service.listen === "site"
      ? [
          {
            name: "site",
            filter_chain_match: { source_prefix_ranges: [range(local.cidr)] },
            filters: toPeer(service),
          },
        ]
      : []),
  ];
  return [
    ...(uses
      ? [
          {
            name: `gateway-${service.name}`,
            address: socket(ON_GATEWAY, service.localPort),
            filter_chains: [{ filters: toPeer(service) }],
          },
        ]
      : []),
    ...(chains.length > 0
      ? [
          onPrivateAddress(`site-${service.name}`, local.privateAddress, service.localPort, {
            socket_options: clientKeepalive,
            filter_chains: chains,
          }),
        ]
      : []),
  ];
}

/** A site's own service for the hosts of the site, at the service's own port: it may listen on 127.0.0.1 alone. */
function forSite(service: Service, { view: { local } }: ProxyInputs): Message {
  const chain = {
    name: "site",
    filter_chain_match: { source_prefix_ranges: [range(local.cidr)] },
    filters: [tcp(`own-${service.name}`, ownCluster(service))],
  };
  return onPrivateAddress(`own-${service.name}`, local.privateAddress, service.endpoints[local.site]!.port, {
    socket_options: clientKeepalive,
    filter_chains: [chain],
  });
}

/** The way into the backup path for one service. The chain's name is what a drain changes. */
function backupWay(service: Service): Message {
  const name = backupListener(service);
  return {
    name,
    address: socket(BACKUP_ADDRESS, service.localPort),
    // Counted already where they came in.
    ignore_global_conn_limit: true,
    filter_chains: [
      {
        name: "0",
        filters: [tcp(name, PUBLIC_CLUSTER, { tunneling_config: { hostname: service.name } })],
      },
    ],
  };
}

/**
 * A line in the proxy's journal about what was refused, for whoever looks why the peer isn't let in, or who tries.
 * @param condition What of a connection or request is told, in CEL over Envoy's attributes. @param line In Envoy's format of access logs.
 */
function refusals(condition: string, line: string): Message {
  const told = extension(
    "envoy.access_loggers.extension_filters.cel",
    "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
    { expression: condition },
  );
  return {
    ...extension("envoy.access_loggers.stderr", "extensions.access_loggers.stream.v3.StderrAccessLog", {
      log_format: { text_format_source: { inline_string: `${line}\n` } },
    }),
    filter: { extension_filter: told },
  };
}

function manager(name: string, more: Message, hosts: readonly Message[]): Message {
  const path: Json = [{ name: ":path", string_match: { exact: HEALTH_PATH } }];
  return extension(MANAGER, MANAGER_TYPE, {
    stat_prefix: name,
    stream_idle_timeout: "0s",
    http_filters: [
      extension("envoy.filters.http.health_check", "extensions.filters.http.health_check.v3.HealthCheck", {
        pass_through_mode: false,
        headers: path,
      }),
      extension("envoy.filters.http.router", "extensions.filters.http.router.v3.Router"),
    ],
    // Clusters and listeners come in different files: where a route named a cluster that is still on its way, Envoy would
    // refuse the listener's file, and not read it again.
    route_config: { name, virtual_hosts: hosts, validate_clusters: false },
    ...more,
  });
}

/** A tunnel that the peer asked for by the service's name. Names that aren't here are not found. */
function tunnel(service: Service): Message {
  return {
    name: service.name,
    domains: [service.name],
    routes: [
      {
        match: { connect_matcher: {} },
        route: {
          cluster: ownCluster(service),
          timeout: "0s",
          upgrade_configs: [{ upgrade_type: "CONNECT", connect_config: {} }],
        },
      },
    ],
  };
}

/**
 * The proxy's port for the peer. What comes from the peer's end of the link is inside IPsec already and may only check
 * the health; everything else has to prove that it is the peer.
 */
function forPeer(inputs: ProxyInputs, source: SecretSource): Message {
  const { view, services, backup, peerName } = inputs;
  const http2 = {
    allow_connect: true,
    max_concurrent_streams: TUNNELS_PER_CONNECTION,
    initial_stream_window_size: STREAM_WINDOW,
    initial_connection_window_size: CONNECTION_WINDOW,
    connection_keepalive: keepalive,
  };
  const publicManager = manager(
    "public",
    {
      codec_type: "HTTP2",
      common_http_protocol_options: { max_requests_per_connection: REQUESTS_PER_CONNECTION },
      http2_protocol_options: http2,
      upgrade_configs: [{ upgrade_type: "CONNECT" }],
      access_log: [
        refusals(
          "response.code == 404",
          "refused: %DOWNSTREAM_REMOTE_ADDRESS% asked for %REQ(:AUTHORITY)%, which is no service of this site",
        ),
      ],
    },
    offeredBy(view.local.site, services).map(tunnel),
  );
  return onPrivateAddress("peer", view.local.privateAddress, backup.port, {
    ignore_global_conn_limit: true,
    access_log: [
      refusals(
        "connection.transport_failure_reason != ''",
        `refused: %DOWNSTREAM_REMOTE_ADDRESS% is not ${peerName}: %DOWNSTREAM_TRANSPORT_FAILURE_REASON%`,
      ),
    ],
    filter_chains: [
      {
        name: "link",
        filter_chain_match: { source_prefix_ranges: [single(view.peer.linkAddress)] },
        filters: [manager("link", { codec_type: "HTTP1" }, [])],
      },
      {
        name: "public",
        transport_socket: downstreamTls(peerName, source),
        transport_socket_connect_timeout: duration(HANDSHAKE_MS),
        filters: [publicManager],
      },
    ],
  });
}

/** Every listener of this gateway's proxy. */
export function listeners(inputs: ProxyInputs, source: SecretSource = "discovered"): Message[] {
  return [
    forPeer(inputs, source),
    ...inputs.services.flatMap((service) => serviceListeners(service, inputs)),
    ...servedBy(inputs.view.local, inputs.services).map((service) => forSite(service, inputs)),
    ...usedBy(inputs.view.local.site, inputs.services).map(backupWay),
    ...(inputs.parts ?? []).flatMap((part) => part.listeners),
  ];
}
