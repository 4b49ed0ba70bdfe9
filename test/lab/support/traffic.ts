import type { Session } from "../../../providers/ssh/session";

/** What became of a stream of pings. */
export interface PingReport {
  /** Those sent long enough before the stream ended to have been answered. */
  readonly sent: number;
  /** Those of them without an answer. */
  readonly lost: number;
  /** The longest run of them, as time, ms. */
  readonly longestGapMs: number;
}

/** How long after the event probes still count, because its effect may come late, ms. */
const aftermathMs = 1000;
/** Time that the last probe that counts has for its answer, ms: ping ends without waiting for those on their way. */
const graceMs = 2000;

/**
 * Sends pings over the link from a gateway while something happens.
 * @param during What happens; the stream starts before it and ends after it.
 * @param intervalMs Between probes. @default 100
 */
export async function pingDuring(
  from: Session,
  to: string,
  during: () => Promise<unknown>,
  intervalMs = 100,
): Promise<PingReport> {
  const mark = `/run/ping-${Date.now()}`;
  // ping ends at an interrupt with a summary, which only a shell's own child gets here.
  const command = `ping -n -i ${intervalMs / 1000} -W 5 ${to} >${mark} & echo $! >${mark}.pid; wait`;
  const stream = from.exec(`setsid sh -c '${command}'`, { timeoutMs: 600_000 });
  await from.exec(`until grep -q 'icmp_seq=1 ' ${mark} 2>/dev/null; do sleep 0.1; done`);
  try {
    await during();
  } finally {
    await from.exec(`sleep ${(aftermathMs + graceMs) / 1000}; kill -INT $(cat ${mark}.pid)`);
    await stream;
  }
  const { stdout } = await from.exec(`cat ${mark}; rm -f ${mark} ${mark}.pid`);
  const transmitted = /(\d+) packets transmitted/.exec(stdout)?.[1];
  if (transmitted === undefined) throw new Error(`ping left no summary: ${stdout.slice(-300)}`);
  const sent = Number(transmitted) - Math.floor(graceMs / intervalMs);
  const answered = new Set([...stdout.matchAll(/icmp_seq=(\d+) ttl=/g)].map((found) => Number(found[1])));
  let lost = 0;
  let gap = 0;
  let longest = 0;
  for (let number = 1; number <= sent; number++) {
    gap = answered.has(number) ? 0 : gap + 1;
    lost += gap > 0 ? 1 : 0;
    longest = Math.max(longest, gap);
  }
  return { sent, lost, longestGapMs: longest * intervalMs };
}
