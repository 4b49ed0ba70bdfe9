/** A ping that was answered, by the clock of the host that sent it. */
export interface Answer {
  readonly sequence: number;
  /** When the answer came, in seconds since 1970. */
  readonly at: number;
}

/** Between two pings, in seconds. */
export const pingInterval = 0.1;

/** So many answers without a gap mean that traffic is back, and not only that one packet slipped through. */
export const answersInARow = 10;

/** Reads the answers out of what `ping -D` wrote; errors that routers reported are none. */
export function parseAnswers(text: string): Answer[] {
  return [...text.matchAll(/^\[([\d.]+)\] \d+ bytes from .* icmp_seq=(\d+) .*time=/gm)].map(
    ([, at, sequence]) => ({ sequence: Number(sequence), at: Number(at) }),
  );
}

/** When traffic flowed again after a moment: the first of ten answers in a row; undefined when there are none yet. */
export function backAfter(answers: readonly Answer[], at: number): number | undefined {
  const later = answers.filter((answer) => answer.at > at);
  const last = answersInARow - 1;
  return later.find((answer, index) => later[index + last]?.sequence === answer.sequence + last)?.at;
}

/** Answers that came within a time. */
export function answeredWithin(answers: readonly Answer[], from: number, to: number): number {
  return answers.filter(({ at }) => at >= from && at <= to).length;
}
