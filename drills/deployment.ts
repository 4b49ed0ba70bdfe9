import { z } from "zod";
import { linkOutput } from "../outputs/contract";
import { runPulumi } from "../toolchain/pulumi";
import type { Need } from "./model";

/** Name of the service in the stack's settings that drills send requests to, and its port on the gateways. */
export const drillService = "drill";
export const drillPort = 7020;

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
  /** How an application gets into the database, at a gateway's private address and at the service address. */
  database: part(z.object({ name: z.string(), port: z.number(), user: z.string(), password: z.string() })),
});
export type Deployment = z.infer<typeof deployment>;

/** The setting that deploys what a drill needs. */
const settingOf: Readonly<Record<Need, string>> = {
  backup: "crossborder:backup",
  ha: "crossborder:ha",
  database: "crossborder:postgres",
};

/**
 * Reads what a stack deployed, secrets included.
 * @throws Error when the stack can't be read or holds no link.
 */
export async function readDeployment(stack: string): Promise<Deployment> {
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the outputs of stack ${stack} can't be read: ${stderr.trim()}`);
  const parsed = deployment.safeParse(JSON.parse(stdout));
  if (!parsed.success) {
    // The values may be secrets: only where they are is told.
    const keys = parsed.error.issues.map(({ path }) => path.join("."));
    throw new Error(
      `stack ${stack} has no such outputs as drills need: ${keys.join(", ")}; was it deployed?`,
    );
  }
  return parsed.data;
}

/** The gateways' own port for the drills' service, for every host of their sites; undefined when there is none. */
export function servicePort({ backup }: Partial<Pick<Deployment, "backup">>): number | undefined {
  return backup?.services.find(({ name, listen }) => name === drillService && listen === "site")?.localPort;
}

/** What is missing for a drill, a sentence for each; empty when it can run. */
export function missing(needs: readonly Need[], deployed: Partial<Pick<Deployment, Need>>): string[] {
  return needs.flatMap((need) => {
    if (!deployed[need]) return [`${settingOf[need]} is off: nothing of it is deployed.`];
    if (need !== "backup" || servicePort(deployed) !== undefined) return [];
    const wanted = `{ port: ${drillPort}, listen: site }`;
    return [`crossborder:services.${drillService} is not ${wanted}: there is nothing to send requests to.`];
  });
}
