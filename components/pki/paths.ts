/** Where the files of a host's certificate are. */
export interface CertificatePaths {
  /**
   * What a TLS server or client reads: the certificate chain and its private key, PEM, in one file. It is replaced by a
   * rename when either changes, so whoever watches its directory for that reads a pair that belongs together.
   */
  readonly leaf: string;
  /** The authorities whose certificates are accepted from peers, PEM. Replaced by a rename too. */
  readonly authorities: string;
  /** The certificate chain without the key. For `leaf` to be made from. */
  readonly certificate: string;
}

/** Directory of a host's certificate, on that host. @param host e.g. `la-gw1` */
function directory(host: string): string {
  return `/etc/crossborder/pki/${host}`;
}

/** The files that consumers of a host's certificate name in their configurations. @param host e.g. `la-gw1` */
export function certificatePaths(host: string): CertificatePaths {
  return {
    leaf: `${directory(host)}/leaf.pem`,
    authorities: `${directory(host)}/authorities.pem`,
    certificate: `${directory(host)}/certificate.pem`,
  };
}

/** The private key of a generation, which stays on its host. */
export function keyPath(host: string, generation: number): string {
  return `${directory(host)}/key-${generation}.pem`;
}

/**
 * The name that a host's certificate is for, and that peers demand. ICANN keeps `internal` for private use. A machine that
 * took the host's place has another name than the lost one, whose certificate peers thus accept no more.
 * @param machine Number of the machine that is the host. @default 1
 */
export function dnsNameOf(host: string, machine = 1): string {
  return `${machine === 1 ? "" : `${machine}.`}${host}.crossborder.internal`;
}
