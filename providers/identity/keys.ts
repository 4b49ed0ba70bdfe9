import { generateKeyPairSync } from "node:crypto";
import { utils } from "ssh2";

/** An SSH key pair. */
export interface SshKeyPair {
  /** PEM as OpenSSH of every version reads it. A secret. */
  readonly privateKey: string;
  /** As in known_hosts, `ecdsa-sha2-nistp256 AAAA…`. */
  readonly publicKey: string;
}

/** Name of ECDSA on P-256 as a type of SSH keys, and of its curve (RFC 5656, 6.2 and 10.1). */
const TYPE = "ecdsa-sha2-nistp256";
const CURVE = "nistp256";

/** A string on the wire (RFC 4251, 5). */
function wire(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/**
 * Makes the key pair that a machine's sshd has at its first boot.
 *
 * It is of another type than the key that the machine makes for itself (Ed25519): sshd serves one key of each type, so
 * it can serve both at once, and the key that a client pins decides which one it is shown.
 */
export function createBootstrapKey(): SshKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, "base64url"), Buffer.from(y!, "base64url")]);
  const blob = Buffer.concat([wire(TYPE), wire(CURVE), wire(point)]);
  return {
    privateKey: privateKey.export({ format: "pem", type: "sec1" }).toString(),
    publicKey: `${TYPE} ${blob.toString("base64")}`,
  };
}

/**
 * The public half of a private key, as in authorized_keys.
 * @param privateKey OpenSSH or PEM, without a passphrase.
 * @throws Error that doesn't quote the key.
 */
export function publicKeyOf(privateKey: string): string {
  const parsed = utils.parseKey(privateKey);
  if (parsed instanceof Error) throw new Error(`the SSH private key cannot be read: ${parsed.message}`);
  if (!parsed.isPrivateKey()) throw new Error("the SSH private key cannot be read: it is a public key");
  return `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`;
}
