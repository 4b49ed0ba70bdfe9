import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { lagByWay } from "../providers/probes/replicationStatus";
import type { ReplicationGate } from "../providers/replication";

const way = z.object({ lagMs: z.number() });

/**
 * The replicated databases, and what the deployment gate measured of them. Not secret. A lag for each way by the names of
 * the sites, e.g. `la_to_sg` and `sg_to_la`.
 */
export const postgresOutput = z
  .object({
    conflicts: z.number(),
    tables: z.number(),
    unchecked: z.array(z.string()),
    verdict: z.string(),
    measuredAt: z.string(),
  })
  .catchall(way);
export type PostgresOutput = z.infer<typeof postgresOutput>;

/** The databases as other stacks see them. */
export function publishPostgres(
  sites: { readonly primary: { readonly site: string }; readonly secondary: { readonly site: string } },
  gate: ReplicationGate,
): pulumi.Output<PostgresOutput> {
  const { lagMs, conflicts, tables, unchecked, verdict, measuredAt } = gate;
  return pulumi
    .output({ lagMs, conflicts, tables, unchecked, verdict, measuredAt })
    .apply(({ lagMs: lag, ...figures }) => ({ ...lagByWay(sites, lag), ...figures }) as PostgresOutput);
}
