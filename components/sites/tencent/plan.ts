import { addressAt } from "../../../settings/ipv4";
import { cloudName, GATEWAY_NAMES, type Owner } from "../naming";

/** Place of the first gateway in the subnet. Tencent keeps the first two addresses and the last. */
const FIRST_GATEWAY = 2;

/** A gateway, before it exists. */
export interface PlannedGateway {
  /** Name within the site. */
  readonly name: string;
  readonly privateAddress: string;
}

/** The gateways, in order of preference. Where one stands doesn't depend on how many there are. */
export function planGateways(cidr: string, count: number): readonly PlannedGateway[] {
  return GATEWAY_NAMES.slice(0, count).map((name, index) => ({
    name,
    privateAddress: addressAt(cidr, FIRST_GATEWAY + index),
  }));
}

/** The address that two gateways share. Kept free with one. */
export function sharedAddress(cidr: string): string {
  return addressAt(cidr, FIRST_GATEWAY + GATEWAY_NAMES.length);
}

/** Name of a thing where Tencent allows letters, digits and `_` only: key pairs, bandwidth packages. */
export function plainName(owner: Owner): string {
  return cloudName(owner).replaceAll("-", "_");
}
