/** Distribution of round-trip times, ms, to a hundredth. */
export interface RttSummary {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /**
   * Mean absolute difference of consecutive round trips: the quantity that RFC 3550 (6.4.1) smooths, without the
   * smoothing, because a measurement has an end and its mean can be taken over all of it.
   */
  readonly jitter: number;
}

/**
 * The smallest value such that at least `percent` of the values are not above it (nearest rank).
 * @param sorted Ascending, not empty.
 * @param percent 0 to 100.
 */
export function percentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[Math.min(rank, sorted.length) - 1]!;
}

/** Mean absolute difference of consecutive values; 0 for fewer than two. */
export function jitter(values: readonly number[]): number {
  if (values.length < 2) return 0;
  let sum = 0;
  for (let i = 1; i < values.length; i++) sum += Math.abs(values[i]! - values[i - 1]!);
  return sum / (values.length - 1);
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}

/**
 * @param rttsMs Round trips in the order in which the probes were sent.
 * @returns undefined when no probe was answered.
 */
export function summarise(rttsMs: readonly number[]): RttSummary | undefined {
  if (rttsMs.length === 0) return undefined;
  const sorted = [...rttsMs].sort((a, b) => a - b);
  return {
    p50: hundredths(percentile(sorted, 50)),
    p95: hundredths(percentile(sorted, 95)),
    p99: hundredths(percentile(sorted, 99)),
    jitter: hundredths(jitter(rttsMs)),
  };
}

/** Share of probes that were not answered, percent, to a hundredth; 100 when none was sent. */
export function lossPercent(sent: number, received: number): number {
  return sent === 0 ? 100 : hundredths((100 * (sent - received)) / sent);
}
