import * as fc from "fast-check";
import { cryptoProfileNames } from "../../../components/link/ipsec/profiles";
import { HIGHEST_MTU, largestMtu, packetOnUnderlay } from "../../../components/link/mtu";

test.each([
  ["modern", 1400, 1468],
  ["modern", 1394, 1460],
  ["modern", 1380, 1448],
  ["legacy", 1386, 1460],
  ["legacy", 1387, 1476],
] as const)("profile %s: %d bytes inside make %d outside", (profile, mtu, outside) => {
  expect(packetOnUnderlay(mtu, profile)).toBe(outside);
});

test.each([
  ["modern", [1460, 1500], 1394],
  ["cnsa", [1460, 1500], 1394],
  ["legacy", [1460, 1500], 1386],
  ["modern", [1500, 1500], HIGHEST_MTU],
] as const)("profile %s over %j carries at most %d", (profile, mtus, largest) => {
  expect(largestMtu(mtus, profile)).toBe(largest);
});

test("the largest MTU fits and one more doesn't, on any underlay", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1280, max: 1467 }),
      fc.constantFrom(...cryptoProfileNames),
      (underlay, profile) => {
        const largest = largestMtu([underlay], profile);
        expect(packetOnUnderlay(largest, profile)).toBeLessThanOrEqual(underlay);
        if (largest < HIGHEST_MTU) expect(packetOnUnderlay(largest + 1, profile)).toBeGreaterThan(underlay);
      },
    ),
  );
});
