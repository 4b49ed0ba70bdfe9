import { BACKUP_ADDRESS, peerCluster, type ProxyInputs } from "../proxy";
import type { Service } from "../service";
import { type Message, socket } from "./resource";

/**
 * Where the other site's service is reached: over the link at the peer gateway's private address, else through the backup
 * path. Checks of the first ask the peer's proxy; the second is Envoy itself, and what is behind it is checked there.
 */
export function assignment(service: Service, { view, backup }: ProxyInputs): Message {
  return {
    cluster_name: peerCluster(service),
    endpoints: [
      {
        priority: 0,
        lb_endpoints: [
          {
            endpoint: {
              address: socket(view.peer.privateAddress, service.localPort),
              health_check_config: { port_value: backup.port },
            },
          },
        ],
      },
      {
        priority: 1,
        lb_endpoints: [
          {
            endpoint: {
              address: socket(BACKUP_ADDRESS, service.localPort),
              health_check_config: { disable_active_health_check: true },
            },
          },
        ],
      },
    ],
  };
}
