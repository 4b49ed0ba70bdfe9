import type { Settings } from "../../settings/schema";
import { LOCAL_PORT_OFFSET, ON_GATEWAY, type Service } from "../backup/service";

/** The service by which the agents of a pair ask each other what they do, over whatever path there is. */
export const PAIR_SERVICE = "ha-state";

/** The pair's own service, beside those of the settings; none without a pair. */
export function pairServices({ ha, sites }: Pick<Settings, "sites" | "ha">): Service[] {
  if (ha === "off") return [];
  const endpoint = { address: ON_GATEWAY, port: ha.statePort };
  return [
    {
      name: PAIR_SERVICE,
      localPort: ha.statePort + LOCAL_PORT_OFFSET,
      listen: "gateway",
      endpoints: Object.fromEntries(Object.keys(sites).map((site) => [site, endpoint])),
    },
  ];
}

/** The port of a service, the same on all of its sites. */
export function portOf({ endpoints }: Service): number {
  return Object.values(endpoints)[0]!.port;
}

/** The services that are answered at the service address: those that the settings name, or all. */
export function servedAt(names: readonly string[] | undefined, services: readonly Service[]): Service[] {
  return services.filter(({ name }) => name !== PAIR_SERVICE && (names?.includes(name) ?? true));
}
