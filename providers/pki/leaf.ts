import { createPrivateKey, createPublicKey, type webcrypto } from "node:crypto";
import type { Authority } from "./authority";
import {
  crypto,
  isP256,
  KEY_ALGORITHM,
  pem,
  serialNumber,
  SIGNATURE_ALGORITHM,
  validity,
  x509,
} from "./x509";

/** What a host is to be certified as. */
export interface LeafRequest {
  readonly authority: Pick<Authority, "certificate" | "privateKey">;
  /** PKCS#10, PEM. Only its public key is taken. */
  readonly request: string;
  /** Becomes the subject and the only alternative name, e.g. `la-gw1.crossborder.internal`. */
  readonly dnsName: string;
  /** Days from now. It ends with the authority if that ends earlier. */
  readonly lifeDays: number;
}

/** A host's certificate. */
export interface Leaf {
  /** The chain as a TLS server sends it, PEM: the leaf alone, since its issuer is what peers trust. */
  readonly certificate: string;
  /** 32 hexadecimal digits. */
  readonly serial: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
}

/** A name as in RFC 1123, section 2.1; at most 64 characters, since it is the subject's common name too. */
const DNS_NAME = /^(?=.{1,64}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

function readRequest(request: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(request);
  } catch {
    throw new Error("the certificate request is not PKCS#10 in PEM");
  }
}

/**
 * The public key that a request is about: SubjectPublicKeyInfo, base64. Two requests for one key differ, because a
 * signature is random in part; this doesn't.
 * @returns undefined when it is not a request, as in a preview that doesn't know it yet.
 */
export function publicKeyOf(request: string): string | undefined {
  try {
    return Buffer.from(readRequest(request).publicKey.rawData).toString("base64");
  } catch {
    return undefined;
  }
}

/**
 * The key of a request, after whoever made it proved to have the private one.
 * @throws Error when it is not a request, its key is not on P-256, or its signature is not made with that key.
 */
async function provenKey(pemRequest: string): Promise<x509.PublicKey> {
  const request = readRequest(pemRequest);
  if (!isP256(request.publicKey.rawData)) {
    throw new Error("the certificate request's key must be an elliptic-curve key on P-256");
  }
  if (!(await request.verify(crypto))) {
    throw new Error("the certificate request is not signed with its own key");
  }
  return request.publicKey;
}

/** @throws Error when the authority's key is not the one in its certificate. */
async function signingKey({
  certificate,
  privateKey,
}: LeafRequest["authority"]): Promise<webcrypto.CryptoKey> {
  const key = createPrivateKey(privateKey);
  const own = createPublicKey(key).export({ format: "der", type: "spki" });
  if (!own.equals(Buffer.from(new x509.X509Certificate(certificate).publicKey.rawData))) {
    throw new Error("the authority's private key does not belong to its certificate");
  }
  const der = key.export({ format: "der", type: "pkcs8" });
  return crypto.subtle.importKey("pkcs8", der, KEY_ALGORITHM, false, ["sign"]);
}

/**
 * Issues a host's certificate, for servers and clients of mutual TLS. Of the request only the public key counts: what it
 * says of its subject or asks for in extensions is the host's own claim.
 * @throws Error when the request or the name is unfit, or the authority has expired.
 */
export async function issueLeaf(wanted: LeafRequest, now = new Date()): Promise<Leaf> {
  const { authority, dnsName } = wanted;
  if (!DNS_NAME.test(dnsName)) {
    throw new Error(
      `the certificate's name is ${JSON.stringify(dnsName)}; it must be a DNS name in small letters, at most 64 characters`,
    );
  }
  const issuer = new x509.X509Certificate(authority.certificate);
  if (now >= issuer.notAfter) {
    throw new Error(
      `the authority ${issuer.subject} expired on ${issuer.notAfter.toISOString()}; ` +
        `set crossborder:certificates.authority.issue to the number of another`,
    );
  }
  const publicKey = await provenKey(wanted.request);
  const life = validity(now, wanted.lifeDays);
  const notAfter = life.notAfter < issuer.notAfter ? life.notAfter : issuer.notAfter;
  const serial = serialNumber();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      notBefore: life.notBefore,
      notAfter,
      serialNumber: serial,
      subject: [{ CN: [dnsName] }],
      issuer: issuer.subjectName.toJSON(),
      publicKey,
      signingKey: await signingKey(authority),
      signingAlgorithm: SIGNATURE_ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([{ type: "dns", value: dnsName }]),
        await x509.SubjectKeyIdentifierExtension.create(publicKey, false, crypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return {
    certificate: pem(certificate.toString("pem")),
    serial,
    notBefore: life.notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
  };
}
