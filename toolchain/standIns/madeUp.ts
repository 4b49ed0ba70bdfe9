import { createHash, randomUUID } from "node:crypto";

/** Made up of a resource's URN: the same in each run, and another for each resource. In base 36, at most 40 characters. */
export function madeUp(urn: string, length: number): string {
  const digest = createHash("sha256").update(urn).digest("hex");
  return BigInt(`0x${digest}`).toString(36).slice(0, length);
}

/** As {@link madeUp}, in digits. The first is no zero. */
export function madeUpNumber(urn: string, length: number): string {
  const digest = createHash("sha256").update(urn).digest("hex");
  return `1${BigInt(`0x${digest}`).toString().slice(1, length)}`;
}

/** What tells a resource that is made now from one that was made before in its place, beside its URN. */
export function anew(urn: string): string {
  return `${urn} ${randomUUID()}`;
}

/** Networks that are for documentation alone (RFC 5737). */
const DOCUMENTATION = ["192.0.2", "198.51.100", "203.0.113"] as const;

/** A public address that is nobody's. */
export function madeUpAddress(urn: string): string {
  const [network, host] = createHash("sha256").update(urn).digest();
  return `${DOCUMENTATION[network! % DOCUMENTATION.length]}.${1 + (host! % 254)}`;
}

/** When everything was made. */
export const CREATED = "2026-01-01T00:00:00Z";
