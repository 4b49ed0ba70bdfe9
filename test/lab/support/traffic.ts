import type { Session } from "../../../providers/ssh/session";

/** What became of a stream of pings. */
export interface PingReport {
  readonly sent: number;
  readonly lost: number;
}

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
    // The last probes may still be on their way.
    await from.exec(`sleep 1; kill -INT $(cat ${mark}.pid)`);
    await stream;
  }
  const { stdout } = await from.exec(`cat ${mark}; rm -f ${mark} ${mark}.pid`);
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  if (sent === undefined || received === undefined)
    throw new Error(`ping left no summary: ${stdout.slice(-300)}`);
  return { sent: Number(sent), lost: Number(sent) - Number(received) };
}
