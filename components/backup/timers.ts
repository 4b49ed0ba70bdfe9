/**
 * How soon connections change their path, from the settings. With the defaults, on a link with BFD:
 *
 * | what happens | what new connections do | after |
 * |---|---|---|
 * | the link's routes go (FRR's reject route is left) | are refused by the kernel, and retried on the backup path | milliseconds |
 * | the link goes dark | wait for one time-out of a connect, or for BFD | 1 s |
 * | the same, without BFD | wait for two failed health checks | 2 × (0.5 + 0.5) = 2 s |
 * | the link is back | use it after two checks that pass, at twice the pace | 2 × 0.25 = 0.5 s, and what BGP takes |
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

/**
 * Between two checks of a link that was given up, as a share of the usual interval. Its return waits for BFD and BGP first, so that what
 * follows may be quicker; two checks have to agree all the same, and a link that flaps is held by the keeper.
 */
export const RETURN_SHARE = 0.5;
