import { z } from "zod";
import { linkOutput, postgresCredentials } from "../outputs/contract";
import { ownerOf } from "../components/postgres/plan";
import { POSTGRES_SERVICE } from "../settings/postgresRules";
import { runPulumi } from "../toolchain/pulumi";
import type { Need } from "./model";

/** Name of the service in the stack's settings that drills send requests to, and its port on the gateways. */
export const drillService = "drill";
export const drillPort = 7020;

/** Name of the application in the stack's settings as which the drills' clients write, which is also its schema's. */
export const drillApplication = "drill";

/** A part of the stack that `off` turns off. */
function part<T extends z.ZodType>(schema: T) {
  return z
    .union([schema, z.literal("off")])
    .optional()
    .transform((value) => (value === "off" ? undefined : value));
}

/** What a drill has to know of a stack: the outputs that it reads. */
const deployment = z.object({
  link: linkOutput,
  backup: part(
    z.object({
      /** The services that the gateways carry. */
      services: z.array(
        z.object({ name: z.string(), localPort: z.number(), listen: z.enum(["gateway", "site"]) }),
      ),
    }),
  ),
  /** The service address, and what is answered there, each service at a port of its own. */
  ha: part(
    z.object({
      vip: z.string(),
      services: z.array(z.object({ name: z.string(), port: z.number() })),
    }),
  ),
  postgres: part(z.object({ database: z.string(), port: z.number() })),
  postgresCredentials: postgresCredentials.default([]),
});

/** How the drills' clients get into the database, at a gateway's private address and at the service address. */
export interface DrillDatabase {
  readonly name: string;
  readonly port: number;
  /** The role that owns the application's schema. */
  readonly owner: string;
  readonly user: string;
  readonly password: string;
}

export type Deployment = Omit<z.infer<typeof deployment>, "postgres" | "postgresCredentials"> & {
  /** Undefined without a database, or without an application in it that is the drills'. */
  readonly database?: DrillDatabase | undefined;
};

/** What a stack's outputs are to a drill. @throws Error that names those which it needs and aren't there */
export function deploymentOf(stack: string, outputs: unknown): Deployment {
  const parsed = deployment.safeParse(outputs);
  if (!parsed.success) {
    // The values may be secrets: only where they are is told.
    const keys = parsed.error.issues.map(({ path }) => path.join("."));
    throw new Error(
      `stack ${stack} has no such outputs as drills need: ${keys.join(", ")}; was it deployed?`,
    );
  }
  const { postgres, postgresCredentials: all, ...rest } = parsed.data;
  const login = all.find(({ application }) => application === drillApplication);
  if (!postgres || !login) return rest;
  const { user, password } = login;
  const owner = ownerOf(drillApplication);
  return { ...rest, database: { name: postgres.database, port: postgres.port, owner, user, password } };
}

/** What is said when a drill lacks what it needs. */
const lackOf: Readonly<Record<Need, string>> = {
  backup: "crossborder:backup is off: nothing of it is deployed.",
  ha: "crossborder:ha is off: nothing of it is deployed.",
  database: `crossborder:postgres is off, or its applications lack ${drillApplication}: there is nobody for the clients to be.`,
};

/**
 * Reads what a stack deployed, secrets included.
 * @throws Error when the stack can't be read or holds no link.
 */
export async function readDeployment(stack: string): Promise<Deployment> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the outputs of stack ${stack} can't be read: ${stderr.trim()}`);
  return deploymentOf(stack, JSON.parse(stdout));
}

function isForSite(backup: NonNullable<Deployment["backup"]>, service: string): boolean {
  return backup.services.some(({ name, listen }) => name === service && listen === "site");
}

/** The gateways' own port for the drills' service, for every host of their sites; undefined when there is none. */
export function servicePort({ backup }: Partial<Pick<Deployment, "backup">>): number | undefined {
  return backup?.services.find(({ name, listen }) => name === drillService && listen === "site")?.localPort;
}

/** What is missing for a drill, a sentence for each; empty when it can run. */
export function missing(needs: readonly Need[], deployed: Partial<Pick<Deployment, Need>>): string[] {
  return needs.flatMap((need) => {
    if (!deployed[need]) return [lackOf[need]];
    if (need === "database" && deployed.backup && !isForSite(deployed.backup, POSTGRES_SERVICE)) {
      return [
        `crossborder:services.${POSTGRES_SERVICE} is not { listen: site }: the sites' hosts don't reach their database.`,
      ];
    }
    if (need !== "backup" || servicePort(deployed) !== undefined) return [];
    const wanted = `{ port: ${drillPort}, listen: site }`;
    return [`crossborder:services.${drillService} is not ${wanted}: there is nothing to send requests to.`];
  });
}
