import { crypto, KEY_ALGORITHM, pem, serialNumber, SIGNATURE_ALGORITHM, validity, x509 } from "./x509";

/** Life of an authority. It has to be replaced before; leaves never outlive the authority that issued them. */
export const AUTHORITY_LIFE_DAYS = 3650;

/** A certificate authority. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** PKCS#8, PEM. A secret: whoever has it can pass for any host. */
  readonly privateKey: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
}

/**
 * Makes a self-signed authority with a new key. It may sign certificates and revocation lists, but no other authority.
 * @param commonName Names it in messages, 1 to 64 characters (RFC 5280, ub-common-name).
 * @throws Error when the name is too long or empty.
 */
export async function createAuthority(commonName: string, now = new Date()): Promise<Authority> {
  if (!/^[ -~]{1,64}$/.test(commonName)) {
    throw new Error(
      `an authority's name is ${JSON.stringify(commonName)}; it must be 1 to 64 printable ASCII characters`,
    );
  }
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const life = validity(now, AUTHORITY_LIFE_DAYS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...life,
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      keys,
      signingAlgorithm: SIGNATURE_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return {
    certificate: pem(certificate.toString("pem")),
    privateKey: pem(
      x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY"),
    ),
    notBefore: life.notBefore.toISOString(),
    notAfter: life.notAfter.toISOString(),
  };
}
