import { circuitBreakers } from "../backup/envoy/clusters";
import { clientKeepalive } from "../backup/envoy/keepalive";
import { tcp, toPeer } from "../backup/envoy/listeners";
import { duration, type Message, socket, typed, watched } from "../backup/envoy/resource";
import { choiceFile, ownCluster, PROXY_DIRECTORY, type ProxyPart } from "../backup/proxy";
import type { Service } from "../backup/service";
import { CONNECT_TIMEOUT_MS } from "../backup/timers";
import { portOf } from "./service";

/**
 * What a gateway does with connections to the service address: `serve` gives them to the site's own services, `proxy` to the other
 * site's, over whatever path there is.
 */
export const roles = ["serve", "proxy"] as const;
export type Role = (typeof roles)[number];

/** What decides what answers at the service address of one gateway. */
export interface VipInputs {
  readonly vip: string;
  /** The gateway's site. */
  readonly site: string;
  /** The services that are answered, each at its own port. */
  readonly services: readonly Service[];
}

/** The cluster of a service at the address: the one role that is chosen. */
export function vipCluster(service: Service): string {
  return `vip-${service.name}`;
}

/** The listener inside Envoy through which a role's connections pass, so that they can be ended without the other's. */
export function roleListener(service: Service, role: Role): string {
  return `vip-${role}-${service.name}`;
}

/** Roles that a site can have for a service: without a service of its own, or another's, there is only one. */
function rolesFor(service: Service, site: string): Role[] {
  const has = Object.keys(service.endpoints);
  return roles.filter((role) =>
    role === "serve" ? has.includes(site) : has.some((other) => other !== site),
  );
}

/** Whether the gateway's role decides where the service's connections go, and not just where the service runs. */
export function isMovable(service: Service, site: string): boolean {
  return rolesFor(service, site).length === roles.length;
}

/** The role that a service gets when the gateway has one: the nearest that it can have. */
function possible(service: Service, site: string, role: Role): Role {
  const can = rolesFor(service, site);
  return can.includes(role) ? role : can[0]!;
}

/**
 * The listeners of the service address. The address is on the gateway whether VRRP gave it away or not (see `address.ts`), so
 * `freebind` is for the moment of a boot alone.
 */
export function vipListeners({ vip, site, services }: VipInputs): Message[] {
  return services.flatMap((service) => [
    {
      name: vipCluster(service),
      address: socket(vip, portOf(service)),
      freebind: true,
      socket_options: clientKeepalive,
      filter_chains: [{ filters: [tcp(vipCluster(service), vipCluster(service))] }],
    },
    ...rolesFor(service, site).map((role) => ({
      name: roleListener(service, role),
      internal_listener: {},
      // Counted already where they came in.
      ignore_global_conn_limit: true,
      filter_chains: [
        {
          name: "0",
          filters:
            role === "serve" ? [tcp(roleListener(service, role), ownCluster(service))] : toPeer(service),
        },
      ],
    })),
  ]);
}

/** One cluster for each service, whose only endpoint is the role's listener. */
export function vipClusters({ services }: VipInputs): Message[] {
  return services.map((service) => ({
    name: vipCluster(service),
    type: "EDS",
    eds_cluster_config: { eds_config: watched(PROXY_DIRECTORY, choiceFile(vipCluster(service))) },
    connect_timeout: duration(CONNECT_TIMEOUT_MS),
    circuit_breakers: circuitBreakers,
  }));
}

/** The endpoints of a service's cluster in a role. Connections that are there stay where they are until they are drained. */
export function vipAssignment(service: Service, site: string, role: Role): Message {
  const listener = roleListener(service, possible(service, site, role));
  return {
    cluster_name: vipCluster(service),
    endpoints: [
      {
        lb_endpoints: [
          { endpoint: { address: { envoy_internal_address: { server_listener_name: listener } } } },
        ],
      },
    ],
  };
}

/** The pair's part in the gateway's proxy. Until an agent has decided, it is a proxy. */
export function vipPart(inputs: VipInputs): ProxyPart {
  return {
    clusters: vipClusters(inputs),
    listeners: vipListeners(inputs),
    choices: inputs.services.map((service) => ({
      cluster: vipCluster(service),
      assignment: vipAssignment(service, inputs.site, "proxy"),
    })),
  };
}

/** Content of a service's choice file in a role, for the agent. */
export function vipChoice(service: Service, site: string, role: Role): Message {
  return {
    resources: [typed("config.endpoint.v3.ClusterLoadAssignment", vipAssignment(service, site, role))],
  };
}
