import { z } from "zod";

const common = {
  /** The stream of requests that it belongs to, e.g. `la-vip-writes`. */
  client: z.string(),
  /** The request's id; a write's value too. The second attempt of a request has the id of the first. */
  id: z.string(),
  attempt: z.union([z.literal(1), z.literal(2)]),
  /**
   * `ok`: acknowledged. `failed`: refused, or never sent; it had no effect. `unknown`: sent, and the connection broke before
   * the answer.
   */
  outcome: z.enum(["ok", "failed", "unknown"]),
  /** When it began and ended, in ms since 1970 by the clock of the client's host. */
  at: z.number(),
  ended: z.number(),
  /** How long it took, in ms, by a clock that nobody sets. */
  took: z.number(),
  error: z.string().optional(),
  /** The site whose database answered. */
  server: z.string().optional(),
};

const write = z.object({
  ...common,
  kind: z.enum(["insert", "update", "delete", "reinsert"]),
  /** The row's key; what stands before its first slash is the class of the row. */
  key: z.string(),
  /** The value that an update replaced, when it was acknowledged. */
  previous: z.string().nullable().optional(),
});

const question = z.object({ ...common, kind: z.enum(["read", "request"]) });

const attempt = z.union([write, question]);

/** An attempt to write a row. */
export type Write = z.infer<typeof write>;
/** An attempt to write, to read, or to have a service's answer, as a client saw it. */
export type Attempt = z.infer<typeof attempt>;

/** Whether an attempt was one to write. */
export function isWrite(one: Attempt): one is Write {
  return one.kind !== "read" && one.kind !== "request";
}

/**
 * Reads the lines that clients wrote, in the order of their beginnings. A last line without its end is left out: its writer was
 * stopped in the middle of it.
 * @throws Error with the line's number when one can't be read.
 */
export function parseHistory(text: string): Attempt[] {
  const lines = text.split("\n").slice(0, -1);
  const attempts = lines.map((line, index) => {
    try {
      return attempt.parse(JSON.parse(line));
    } catch (error) {
      throw new Error(`line ${index + 1} of the clients' history can't be read: ${line.slice(0, 200)}`, {
        cause: error,
      });
    }
  });
  return attempts.sort((a, b) => a.at - b.at);
}
