import { z } from "zod";
import { isAddress, isCidr } from "./ipv4";

/**
 * Builders of schema fields. Each carries the sentence part that says what is allowed, so that every refusal reads
 * "<key> is <value>; it must be <what is allowed>".
 */

export function whole(from: number, to: number, unit: string) {
  const allowed = `a whole number of ${unit} from ${from} to ${to}`;
  return z.int({ error: allowed }).min(from, { error: allowed }).max(to, { error: allowed });
}

export function decimal(from: number, to: number, unit: string) {
  const allowed = `a number of ${unit} from ${from} to ${to}`;
  return z.number({ error: allowed }).min(from, { error: allowed }).max(to, { error: allowed });
}

export function flag() {
  return z.boolean({ error: "true or false" });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: `one of ${values.join(", ")}` });
}

export function address() {
  const allowed = "an IPv4 address such as 198.51.100.10";
  return z.string({ error: allowed }).refine(isAddress, { error: allowed });
}

export function cidr() {
  const allowed = "an IPv4 range that starts at its first address, such as 10.10.0.0/24";
  return z.string({ error: allowed }).refine(isCidr, { error: allowed });
}

export function name(what: string) {
  const allowed = `${what}: 1 to 15 of a-z, 0-9 and -, starting with a letter`;
  return z.string({ error: allowed }).regex(/^[a-z][a-z0-9-]{0,14}$/, { error: allowed });
}

export function text(allowed: string) {
  return z.string({ error: allowed }).min(1, { error: allowed });
}

/** Labels that every cloud takes as they are: Google's rules, which are the narrowest. */
export function labels() {
  const allowed =
    "labels by name: 1 to 63 of a-z, 0-9, _ and -, names starting with a letter, at most 32 of them";
  const matching = (pattern: RegExp) => z.string({ error: allowed }).regex(pattern, { error: allowed });
  return z
    .record(matching(/^[a-z][a-z0-9_-]{0,62}$/), matching(/^[a-z0-9_-]{1,63}$/), { error: allowed })
    .refine((all) => Object.keys(all).length <= 32, { error: allowed });
}
