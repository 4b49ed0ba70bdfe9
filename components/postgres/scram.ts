import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** Iterations of PBKDF2: PostgreSQL's own default, and RFC 7677's minimum. The passwords are random, not thought of. */
const ITERATIONS = 4096;

/**
 * What PostgreSQL keeps of a password (RFC 5803), so that the password itself never travels to a database's host.
 * @param password ASCII: nothing of it has to be normalised (RFC 4013).
 * @param salt Base64, random.
 */
export function scramVerifier(password: string, salt: string): string {
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), ITERATIONS, 32, "sha256");
  const keyed = (label: string): Buffer => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(keyed("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt}$${storedKey}:${keyed("Server Key").toString("base64")}`;
}
