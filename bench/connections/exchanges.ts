/** One exchange of a connection, as the client saw it. */
export interface Exchange {
  readonly connection: number;
  /** ms since 1970. */
  readonly sent: number;
  /** ms; undefined when it had no answer before its connection ended. */
  readonly took: number | undefined;
}

/** Reads what `clients.py` wrote. @throws Error with the line that can't be read */
export function parseExchanges(text: string): Exchange[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [, connection, sent, took] = /^(\d+) (\d+) ([\d.]+|lost)$/.exec(line) ?? [];
    if (took === undefined) throw new Error(`not an exchange: ${line.slice(0, 80)}`);
    return {
      connection: Number(connection),
      sent: Number(sent),
      took: took === "lost" ? undefined : Number(took),
    };
  });
}

/** What became of the exchanges that were sent within a time. */
export interface Steady {
  readonly lostPercent: number;
  /** How long each answer took, in ms. */
  readonly tookMs: readonly number[];
}

/**
 * @param withinMs An answer that takes longer came too late: its exchange is lost.
 * @throws Error when none was sent: no loss of nothing is no success.
 */
export function steady(exchanges: readonly Exchange[], from: number, to: number, withinMs: number): Steady {
  const counted = exchanges.filter(({ sent }) => sent >= from && sent < to);
  if (counted.length === 0) throw new Error("no exchange was sent in the steady state");
  const tookMs = counted.flatMap(({ took }) => (took === undefined || took > withinMs ? [] : [took]));
  return { lostPercent: (100 * (counted.length - tookMs.length)) / counted.length, tookMs };
}

/**
 * For each connection, from a moment until the end of the first answered exchange that began after it, in ms; undefined for one
 * that had none. The pace of the exchanges is part of it: a connection that nothing happened to says so at its next one.
 * @param connections How many there are.
 */
export function backAfter(
  exchanges: readonly Exchange[],
  moment: number,
  connections: number,
): (number | undefined)[] {
  const back = new Array<number | undefined>(connections).fill(undefined);
  for (const { connection, sent, took } of exchanges) {
    if (sent < moment || took === undefined) continue;
    const after = sent + took - moment;
    if (after < (back[connection] ?? Infinity)) back[connection] = after;
  }
  return back;
}
