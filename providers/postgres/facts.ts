import { z } from "zod";
import { linkFactsSchema } from "../probes/facts";

const databaseEnd = z.object({
  /** Name of the site, which is the name of its pglogical node. */
  site: z.string().min(1),
  /** The host that the server runs on, for sentences about it. */
  host: z.string().min(1),
  /** How to reach the host. Its private key is a secret. */
  connection: linkFactsSchema.shape.initiator.shape.connection,
  /** The site is out of service: nobody asks the host. Absent otherwise. */
  outOfService: linkFactsSchema.shape.initiator.shape.outOfService,
});

/**
 * What must be known of two replicated databases to look at them. Produced by the database component, carried by the
 * gate's inputs and by the stack's outputs (as a secret, for the connections' sake).
 */
export const replicationFactsSchema = z.object({
  /** Both sites' names, e.g. `la-sg`. */
  name: z.string().min(1),
  primary: databaseEnd,
  secondary: databaseEnd,
  database: z.string().min(1),
  /** Directory of the servers' Unix socket. */
  socket: z.string().startsWith("/"),
  port: z.number().int().min(1).max(65_535),
  /** Longest acceptable median time from a commit on one side to its being seen on the other, ms. */
  lagBudgetMs: z.number().positive(),
  /** Tables larger than this are not compared row by row by the gate, bytes. */
  compareLimitBytes: z.number().int().positive(),
});

export type ReplicationFacts = z.infer<typeof replicationFactsSchema>;
export type DatabaseEnd = z.infer<typeof databaseEnd>;

/** Name of the subscription that brings a site's rows. */
export function subscriptionFrom(site: string): string {
  return `from_${site}`;
}
