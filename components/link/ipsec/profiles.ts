/** Names of the sets of algorithms that a link can use. */
export const cryptoProfileNames = ["modern", "cnsa", "legacy"] as const;
export type CryptoProfileName = (typeof cryptoProfileNames)[number];

/** One set of algorithms, in strongSwan's words, and what it adds to a packet. */
export interface CryptoProfile {
  /** IKEv2 proposal. */
  readonly ike: string;
  /** ESP proposal; its group gives every rekeying fresh keys (PFS). */
  readonly espProposal: string;
  /** Bytes of initialisation vector and integrity check, and the multiple that ESP pads its payload to. */
  readonly esp: { readonly iv: number; readonly icv: number; readonly align: number };
  /** Weak by today's measure: needs an acknowledgement in the settings. */
  readonly weak: boolean;
}

/** AES-GCM in ESP: 8 bytes IV and 16 bytes ICV (RFC 4106), payload aligned to 4 (RFC 4303). */
const GCM = { iv: 8, icv: 16, align: 4 };
/** AES-CBC with HMAC-SHA-256-128: one block of IV, 16 bytes ICV (RFC 3602, RFC 4868), payload in blocks of 16. */
const CBC_SHA256 = { iv: 16, icv: 16, align: 16 };

export const cryptoProfiles: Readonly<Record<CryptoProfileName, CryptoProfile>> = {
  modern: {
    ike: "aes256gcm16-prfsha256-curve25519",
    espProposal: "aes256gcm16-curve25519",
    esp: GCM,
    weak: false,
  },
  /** The Commercial National Security Algorithm suite for IPsec (RFC 9206). */
  cnsa: {
    ike: "aes256gcm16-prfsha384-ecp384",
    espProposal: "aes256gcm16-ecp384",
    esp: GCM,
    weak: false,
  },
  /** For peers that can do no better: a 1024-bit group is within reach of a determined attacker (RFC 8247). */
  legacy: {
    ike: "aes256-sha256-modp1024",
    espProposal: "aes256-sha256-modp1024",
    esp: CBC_SHA256,
    weak: true,
  },
};
