import {
  endpointsFile,
  HEALTH_PATH,
  MAX_CONNECTIONS,
  ownCluster,
  peerCluster,
  PROXY_DIRECTORY,
  type ProxyInputs,
  PUBLIC_CLUSTER,
} from "../proxy";
import { type Endpoint, offeredBy, type Service, usedBy } from "../service";
import { CHECKS_THAT_AGREE, CONNECT_TIMEOUT_MS, PUBLIC_TIMEOUT_MS, RETURN_SHARE } from "../timers";
import { duration, type Message, socket, typed, watched } from "./resource";
import { type SecretSource, upstreamTls } from "./tls";

/**
 * Windows of HTTP/2 for answers, bytes. A service that closes first leaves the peer's proxy with what no window was open for, and
 * that is lost, so that a window has to be wider than all that can wait between the proxies: 1 MiB in Envoy, and TCP's buffers,
 * 4 MiB and 6 MiB by Linux's defaults (tcp_wmem and tcp_rmem, tcp(7)). The connection's is for several clients that are slow.
 */
const ANSWER_WINDOW = 16 * 2 ** 20;
const ANSWERS_WINDOW = 64 * 2 ** 20;
/** Tunnels in one TCP connection. A packet that is lost holds all of them up, so that there are more connections for more. */
export const TUNNELS_PER_CONNECTION = 100;

/** Connects that fail in a row before the link is left out without waiting for the health checks. */
const FAILURES_TO_EJECT = 5;
/** How long it is left out then, ms. A health check that passes takes it back sooner. */
const EJECTION_MS = 5000;
/**
 * Pings on tunnels' connections, ms. They alone end the tunnels of a peer that died: health checks that fail keep new tunnels off a
 * connection, and leave those that are in it to themselves.
 */
const KEEPALIVE_MS = 5000;
const KEEPALIVE_TIMEOUT_MS = 2000;
/** A connection on which nothing was heard for so long is asked as soon as a tunnel is opened in it, ms. */
const SILENT_MS = 1000;
/** Both ends ask: a gateway that is gone tells neither of its tunnels that they are. */
export const keepalive: Message = {
  interval: duration(KEEPALIVE_MS),
  timeout: duration(KEEPALIVE_TIMEOUT_MS),
};

/** Room for all connections at once; Envoy's own limits are 1024. */
export const circuitBreakers: Message = {
  thresholds: [
    {
      max_connections: MAX_CONNECTIONS,
      max_pending_requests: MAX_CONNECTIONS,
      max_requests: MAX_CONNECTIONS,
      max_retries: MAX_CONNECTIONS,
    },
  ],
};

/** With a path down there is another or there is none: traffic is never sent to one that is known to be dead. */
const noPanic: Message = { healthy_panic_threshold: { value: 0 } };

function healthCheck(intervalMs: number, timeoutMs: number, http: Message): Message {
  return {
    interval: duration(intervalMs),
    // Otherwise 60 s while nothing uses the path.
    no_traffic_interval: duration(intervalMs),
    timeout: duration(timeoutMs),
    unhealthy_threshold: CHECKS_THAT_AGREE,
    healthy_threshold: CHECKS_THAT_AGREE,
    http_health_check: { path: HEALTH_PATH, ...http },
  };
}

/** The other site's service. */
function peer(service: Service, { backup }: ProxyInputs): Message {
  const { intervalMs, timeoutMs } = backup.healthCheck;
  const returning = duration(intervalMs * RETURN_SHARE);
  return {
    name: peerCluster(service),
    type: "EDS",
    eds_cluster_config: { eds_config: watched(PROXY_DIRECTORY, endpointsFile(service)) },
    connect_timeout: duration(CONNECT_TIMEOUT_MS),
    common_lb_config: noPanic,
    circuit_breakers: circuitBreakers,
    // Without it, connections over a link that went dark would last until their ends give up.
    close_connections_on_host_health_failure: true,
    health_checks: [
      {
        ...healthCheck(intervalMs, timeoutMs, { host: "link" }),
        // While it is down, and between the first check that passes and the one that confirms it.
        unhealthy_interval: returning,
        healthy_edge_interval: returning,
      },
    ],
    outlier_detection: {
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: FAILURES_TO_EJECT,
      enforcing_consecutive_local_origin_failure: 100,
      enforcing_local_origin_success_rate: 0,
      enforcing_success_rate: 0,
      enforcing_consecutive_5xx: 0,
      enforcing_consecutive_gateway_failure: 0,
      // One of the two endpoints; the backup path is never left out.
      max_ejection_percent: 50,
      base_ejection_time: duration(EJECTION_MS),
      max_ejection_time: duration(EJECTION_MS),
      interval: duration(1000),
    },
  };
}

/** A service of this site. */
function own(service: Service, { address, port }: Endpoint): Message {
  const name = ownCluster(service);
  return {
    name,
    type: "STATIC",
    connect_timeout: duration(CONNECT_TIMEOUT_MS),
    circuit_breakers: circuitBreakers,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(address, port) } }] }],
    },
  };
}

/** The pool of tunnels to the peer's public address: HTTP/2 CONNECT over mutual TLS. */
function publicPool({ view, backup, peerName }: ProxyInputs, source: SecretSource): Message {
  return {
    name: PUBLIC_CLUSTER,
    type: "STATIC",
    connect_timeout: duration(CONNECT_TIMEOUT_MS),
    common_lb_config: noPanic,
    circuit_breakers: circuitBreakers,
    close_connections_on_host_health_failure: true,
    health_checks: [
      healthCheck(backup.healthCheck.intervalMs, PUBLIC_TIMEOUT_MS, {
        host: peerName,
        codec_client_type: "HTTP2",
      }),
    ],
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
        "extensions.upstreams.http.v3.HttpProtocolOptions",
        {
          explicit_http_config: {
            http2_protocol_options: {
              max_concurrent_streams: TUNNELS_PER_CONNECTION,
              initial_stream_window_size: ANSWER_WINDOW,
              initial_connection_window_size: ANSWERS_WINDOW,
              connection_keepalive: { ...keepalive, connection_idle_interval: duration(SILENT_MS) },
            },
          },
        },
      ),
    },
    transport_socket: upstreamTls(peerName, source),
    load_assignment: {
      cluster_name: PUBLIC_CLUSTER,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: socket(view.peer.publicAddress, backup.port) } }] },
      ],
    },
  };
}

/** Every cluster of this gateway's proxy. */
export function clusters(inputs: ProxyInputs, source: SecretSource = "discovered"): Message[] {
  const { site } = inputs.view.local;
  return [
    ...usedBy(site, inputs.services).map((service) => peer(service, inputs)),
    ...offeredBy(site, inputs.services).map((service) => own(service, service.endpoints[site]!)),
    publicPool(inputs, source),
    ...(inputs.parts ?? []).flatMap((part) => part.clusters),
  ];
}
