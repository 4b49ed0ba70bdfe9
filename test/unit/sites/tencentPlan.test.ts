import * as fc from "fast-check";
import { planGateways, sharedAddress } from "../../../components/sites/tencent/plan";
import { addressAt, contains, lastAddresses } from "../../../settings/ipv4";
import { LONGEST_PREFIX, NETWORK_RANGES } from "../../../settings/tencentCatalogue";
import { rangeOf } from "../settings/ranges";

/** Any range that a site on Tencent Cloud may have. */
const range = rangeOf({ shortest: NETWORK_RANGES[0].shortest, longest: LONGEST_PREFIX });

/** Addresses of a subnet that Tencent keeps: its own, the gateway's of the network, and the broadcast's. */
const kept = (cidr: string): string[] => [addressAt(cidr, 0), addressAt(cidr, 1), ...lastAddresses(cidr, 1)];

const addressesOf = (cidr: string, count: number): string[] =>
  planGateways(cidr, count).map(({ privateAddress }) => privateAddress);

test("gateways and the address that they share are of the range, differ, and aren't Tencent's own", () => {
  fc.assert(
    fc.property(range, (cidr) => {
      const planned = [...addressesOf(cidr, 2), sharedAddress(cidr)];
      expect(new Set([...planned, ...kept(cidr)]).size).toBe(6);
      expect(planned.every((address) => contains(cidr, address))).toBe(true);
    }),
  );
});

test("a second gateway moves nobody", () => {
  fc.assert(
    fc.property(range, (cidr) => {
      expect(planGateways(cidr, 2).slice(0, 1)).toEqual(planGateways(cidr, 1));
      expect(planGateways(cidr, 2)).toHaveLength(2);
    }),
  );
});

test("the addresses are what they are documented to be", () => {
  expect([...addressesOf("10.20.0.0/24", 2), sharedAddress("10.20.0.0/24")]).toEqual([
    "10.20.0.2",
    "10.20.0.3",
    "10.20.0.4",
  ]);
});
