import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks until there is an answer.
 * @param what For the error: what was waited for.
 * @param ask undefined means: not yet.
 * @param everyMs Rest between two questions.
 * @throws Error when there is none in time, or the signal's reason.
 */
export async function poll<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  deadlineMs: number,
  signal: AbortSignal,
  everyMs = 250,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`not within ${Math.round(deadlineMs / 1000)} s: ${what}`);
    await sleep(everyMs, undefined, { signal });
  }
}
