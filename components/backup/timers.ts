/**
 * How soon connections change their path, from the settings. With the defaults, on a link with BFD:
 *
 * | what happens | what new connections do | after |
 * |---|---|---|
 * | the link's routes go (FRR's reject route is left) | are refused by the kernel, and retried on the backup path | milliseconds |
 * | the link goes dark | wait for one time-out of a connect, or for BFD | 1 s |
 * | the same, without BFD | wait for two failed health checks | 2 × (0.5 + 0.5) = 2 s |
 * | the link is back | use it after two checks that pass | 2 × 0.5 = 1 s, and what BGP takes |
 */

/**
 * Longest wait for a TCP connection to the peer over the link, ms. BFD's verdict comes in about the same time; the retry after it
 * is then refused at once and goes on to the backup path.
 */
export const CONNECT_TIMEOUT_MS = 1000;

/** Round trips that a health check of the public way takes at most: TCP's handshake, TLS 1.3's (RFC 8446), and the request. */
export const PUBLIC_HANDSHAKE_TRIPS = 3;

/** Longest wait for a health check of the public way, ms. Longer than over the link, for the handshakes. */
export const PUBLIC_TIMEOUT_MS = 1000;

/** Health checks that agree before a path is given up, or taken into use. One alone may be weather. */
export const CHECKS_THAT_AGREE = 2;
