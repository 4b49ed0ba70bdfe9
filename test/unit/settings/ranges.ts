import * as fc from "fast-check";
import { addressAt } from "../../../settings/ipv4";

/** Any range of 10.0.0.0/8 whose prefix is from `shortest` to `longest` bits. */
export function rangeOf({
  shortest = 8,
  longest,
}: {
  shortest?: number;
  longest: number;
}): fc.Arbitrary<string> {
  return fc
    .tuple(fc.integer({ min: shortest, max: longest }), fc.nat({ max: 0xffffff }))
    .map(([prefix, offset]) => {
      const size = 2 ** (32 - prefix);
      return `${addressAt("10.0.0.0/8", Math.floor(offset / size) * size)}/${prefix}`;
    });
}
