// The library's dependency injection looks for this when it is loaded.
import "reflect-metadata";
import { createPublicKey, randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

export { x509 };

/** Node's own cryptography, in the place of a browser's. */
export const crypto = webcrypto;

/** Keys of this project's certificates: ECDSA on P-256 (FIPS 186-5), which every TLS library of today has. */
export const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
export const SIGNATURE_ALGORITHM = { name: "ECDSA", hash: "SHA-256" } as const;

/** A certificate is valid from this long before it was made: clocks of hosts drift, ms. */
const BACKDATED_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * A serial number: 16 bytes, 126 bits of them random, positive and without leading zeros in DER (RFC 5280, 4.1.2.2, asks for
 * a positive number of at most 20 bytes).
 * @returns 32 hexadecimal digits.
 */
export function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

/** The time for which a certificate made now is valid. Certificates know whole seconds. */
export function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  const seconds = Math.floor(now.getTime() / 1000) * 1000;
  return { notBefore: new Date(seconds - BACKDATED_MS), notAfter: new Date(seconds + days * DAY_MS) };
}

/** Whether a public key (SubjectPublicKeyInfo, DER) is a point on P-256. */
export function isP256(publicKey: ArrayBuffer): boolean {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

/** PEM with the line end that files of text have. */
export function pem(encoded: string): string {
  return `${encoded.trim()}\n`;
}
