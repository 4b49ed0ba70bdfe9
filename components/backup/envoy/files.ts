import {
  choiceFile,
  choices,
  CLUSTERS_FILE,
  endpointsFile,
  LISTENERS_FILE,
  type ProxyInputs,
  secretFile,
} from "../proxy";
import { usedBy } from "../service";
import { clusters } from "./clusters";
import { assignment } from "./endpoints";
import { listeners } from "./listeners";
import { type Message, typed } from "./resource";
import { secrets } from "./tls";

/** A file of a discovery service: its name, and what is in it. */
export interface DiscoveryFile {
  readonly name: string;
  readonly content: Message;
}

function file(name: string, type: string, resources: readonly Message[]): DiscoveryFile {
  return { name, content: { resources: resources.map((resource) => typed(type, resource)) } };
}

/** Everything that Envoy finds by its discovery services, as it is while the link is in order. */
export function discoveryFiles(inputs: ProxyInputs): DiscoveryFile[] {
  return [
    file(CLUSTERS_FILE, "config.cluster.v3.Cluster", clusters(inputs)),
    file(LISTENERS_FILE, "config.listener.v3.Listener", listeners(inputs)),
    ...usedBy(inputs.view.local.site, inputs.services).map((service) =>
      file(endpointsFile(service), "config.endpoint.v3.ClusterLoadAssignment", [assignment(service, inputs)]),
    ),
    ...choices(inputs).map(({ cluster, assignment: first }) =>
      file(choiceFile(cluster), "config.endpoint.v3.ClusterLoadAssignment", [first]),
    ),
    ...secrets(inputs).map((secret) =>
      file(secretFile(String(secret["name"])), "extensions.transport_sockets.tls.v3.Secret", [secret]),
    ),
  ];
}
