import ipaddr from "ipaddr.js";

/** An IPv4 range as its first and last address, both as numbers. */
interface Range {
  readonly first: number;
  readonly last: number;
}

function toNumber(address: ipaddr.IPv4): number {
  return address.octets.reduce((value, octet) => value * 256 + octet, 0);
}

function rangeOf(cidr: string): Range {
  const [address, prefix] = ipaddr.IPv4.parseCIDR(cidr);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(toNumber(address) / size) * size;
  return { first, last: first + size - 1 };
}

/** Whether the text is a dotted IPv4 address with all four parts. */
export function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text);
}

/** Whether the text is an IPv4 range whose address is the first of the range, e.g. `10.10.0.0/24`. */
export function isCidr(text: string): boolean {
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return false;
  return toNumber(ipaddr.IPv4.parseCIDR(text)[0]) === rangeOf(text).first;
}

/** Number of bits of a range's prefix, 0 to 32. */
export function prefixLength(cidr: string): number {
  return ipaddr.IPv4.parseCIDR(cidr)[1];
}

/** Whether two ranges share an address. */
export function overlap(one: string, other: string): boolean {
  const a = rangeOf(one);
  const b = rangeOf(other);
  return a.first <= b.last && b.first <= a.last;
}

/** Whether an address lies in a range. */
export function contains(cidr: string, address: string): boolean {
  const range = rangeOf(cidr);
  const value = toNumber(ipaddr.IPv4.parse(address));
  return range.first <= value && value <= range.last;
}

/** The address `index` places after the first of the range; 1 is the first host of a subnet. */
export function addressAt(cidr: string, index: number): string {
  const value = rangeOf(cidr).first + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** The last addresses of the range, lowest first. */
export function lastAddresses(cidr: string, count: number): string[] {
  const { first, last } = rangeOf(cidr);
  return Array.from({ length: count }, (_, index) => addressAt(cidr, last - first - count + 1 + index));
}

/** Whether all of `inner` lies in `outer`. */
export function covers(outer: string, inner: string): boolean {
  const a = rangeOf(outer);
  const b = rangeOf(inner);
  return a.first <= b.first && b.last <= a.last;
}
