import { addressAt, lastAddresses } from "../../../settings/ipv4";
import type { GcpSettings } from "../../../settings/gcp";
import { GATEWAY_NAMES } from "../naming";

/** Addresses at the start of a subnet that Google keeps: the network's own and the router's. */
const KEPT_AT_START = 2;
/** Addresses at the end of a subnet that Google keeps: one for later, and the broadcast's. */
const KEPT_AT_END = 2;

/** Longest prefix of a subnet: what two gateways and their load balancer need, and the smallest that Google makes. */
export const LONGEST_PREFIX = 29;

/** Addresses of a subnet that no machine can have. */
export function keptAddresses(cidr: string): string[] {
  const start = Array.from({ length: KEPT_AT_START }, (_, index) => addressAt(cidr, index));
  return [...start, ...lastAddresses(cidr, KEPT_AT_END)];
}

/**
 * The address of a gateway, by its place in the order of preference, 0 or 1. It doesn't depend on how many there are:
 * a second one moves nobody.
 */
export function gatewayAddress(cidr: string, index: number): string {
  return addressAt(cidr, KEPT_AT_START + index);
}

/** The address of the load balancer before two gateways. Kept free with one. */
export function nextHopAddress(cidr: string): string {
  return addressAt(cidr, KEPT_AT_START + GATEWAY_NAMES.length);
}

/** A machine of the site, before it exists. */
export interface PlannedMachine {
  /** Name within the site. */
  readonly name: string;
  readonly privateAddress: string;
  readonly zone: string;
  readonly machineType: string;
}

/** The site's gateways, in order of preference, and its other machines. */
export function planMachines(
  cidr: string,
  settings: Pick<GcpSettings, "gateways" | "zones" | "machineType" | "hosts">,
): { readonly gateways: readonly PlannedMachine[]; readonly hosts: readonly PlannedMachine[] } {
  const { zones, machineType } = settings;
  return {
    gateways: GATEWAY_NAMES.slice(0, settings.gateways).map((name, index) => ({
      name,
      privateAddress: gatewayAddress(cidr, index),
      zone: zones[index % zones.length]!,
      machineType,
    })),
    hosts: settings.hosts.map((host) => ({
      name: host.name,
      privateAddress: host.privateAddress,
      zone: host.zone ?? zones[0]!,
      machineType: host.machineType ?? machineType,
    })),
  };
}
