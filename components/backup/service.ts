import type { Settings } from "../../settings/schema";

/** Where a site's own service listens. */
export interface Endpoint {
  /** In the site's range; 127.0.0.1 for a service on the gateway itself. */
  readonly address: string;
  readonly port: number;
}

/** A TCP service that sites offer each other through their gateways. */
export interface Service {
  /** Unique in the stack; also what a tunnel of the backup path asks for. */
  readonly name: string;
  /** The port of the gateways' own listeners for it. */
  readonly localPort: number;
  /** Who may reach the service through a gateway: its own programs the other site's, or every host of its site both. */
  readonly listen: "gateway" | "site";
  /** The sites that have the service, by name. The other site of each gets a listener. */
  readonly endpoints: Readonly<Record<string, Endpoint>>;
}

/** The address of a service that runs on the gateway. */
export const ON_GATEWAY = "127.0.0.1";

/** What `localPort` is where it isn't set: the service's own port and this. */
export const LOCAL_PORT_OFFSET = 10_000;

/** The services of the settings, with what was left out filled in, in the order of their names. */
export function servicesOf(settings: Pick<Settings, "services" | "sites">): Service[] {
  const everywhere: Readonly<Record<string, { address?: string }>> = Object.fromEntries(
    Object.keys(settings.sites).map((site) => [site, {}]),
  );
  return Object.entries(settings.services)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, { port, localPort, listen, sites }]) => ({
      name,
      localPort: localPort ?? port + LOCAL_PORT_OFFSET,
      listen,
      endpoints: Object.fromEntries(
        Object.entries(sites ?? everywhere).map(([site, { address }]) => [
          site,
          { address: address ?? ON_GATEWAY, port },
        ]),
      ),
    }));
}

/** The services that a site offers to the other. */
export function offeredBy(site: string, services: readonly Service[]): Service[] {
  return services.filter(({ endpoints }) => site in endpoints);
}

/**
 * The services of a site that its own hosts use through their gateway: those for which it listens for the site, except where the
 * service itself has that address and port.
 */
export function servedBy(
  { site, privateAddress }: { readonly site: string; readonly privateAddress: string },
  services: readonly Service[],
): Service[] {
  return offeredBy(site, services).filter(
    ({ listen, endpoints }) => listen === "site" && endpoints[site]!.address !== privateAddress,
  );
}

/** The services of the other site that a site's gateway has listeners for. */
export function usedBy(site: string, services: readonly Service[]): Service[] {
  return services.filter(({ endpoints }) => Object.keys(endpoints).some((other) => other !== site));
}
