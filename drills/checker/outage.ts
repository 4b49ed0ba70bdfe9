import type { Attempt } from "../history";
import { group } from "./fates";

/** What one client went through. */
export interface Experience {
  readonly requests: number;
  /** Requests that failed twice, the second time on a new connection. */
  readonly failed: number;
  /** When the first and the last of them began, in ms from the fault on; absent when none failed. */
  readonly failedBetweenMs?: readonly [number, number];
  /** The longest time without service, in ms; 0 when the client never waited longer than it always does. */
  readonly outageMs: number;
}

/** When each request that succeeded began and was answered, in the order of the answers. */
function answers(attempts: readonly Attempt[]): number[] {
  return attempts
    .filter(({ outcome }) => outcome === "ok")
    .map(({ ended }) => ended)
    .sort((a, b) => a - b);
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]!);
}

/**
 * The longest time between two answers, less what lies between two answers before the fault: a client that asks every 50 ms and
 * waits 90 ms for each answer has no outage of 90 ms.
 * @param from The fault's beginning. @param to The end of observation: a client without an answer until then had none at all.
 */
function outage(attempts: readonly Attempt[], from: number, to: number): number {
  const times = answers(attempts);
  const before = gaps(times.filter((time) => time < from)).sort((a, b) => a - b);
  const usual = before.at(-1) ?? 0;
  const last = times.filter((time) => time < from).at(-1) ?? from;
  const waited = Math.max(...gaps([last, ...times.filter((time) => time >= from && time < to), to]));
  return waited > usual ? waited - median(before) : 0;
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/**
 * What each client went through.
 * @param fault From the first fault until the end of what is looked at, in ms since 1970.
 */
export function experiences(
  attempts: readonly Attempt[],
  fault: { readonly from: number; readonly to: number },
): Record<string, Experience> {
  const clients = [...group(attempts, ({ client }) => client)].sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(
    clients.map(([client, own]) => {
      const requests = group(own, ({ id }) => id);
      const failed = [...requests.values()].filter((both) => isFailed(both));
      const times = failed.map(([first]) => first!.at - fault.from);
      const outageMs = outage(own, fault.from, fault.to);
      return [
        client,
        {
          requests: requests.size,
          failed: failed.length,
          ...(times.length > 0 && { failedBetweenMs: [Math.min(...times), Math.max(...times)] }),
          outageMs,
        },
      ];
    }),
  );
}

/** A request that failed once, as observation ended, isn't a failed one. */
function isFailed(attempts: readonly Attempt[]): boolean {
  return attempts.length === 2 && attempts.every(({ outcome }) => outcome !== "ok");
}

/** From a moment until the end of the first request that began after it and succeeded, in ms; undefined when none did. */
export function firstSuccessAfter(attempts: readonly Attempt[], moment: number): number | undefined {
  const ends = attempts
    .filter(({ outcome, at }) => outcome === "ok" && at >= moment)
    .map(({ ended }) => ended);
  return ends.length === 0 ? undefined : Math.min(...ends) - moment;
}
