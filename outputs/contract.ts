import { z } from "zod";
import { replicationFactsSchema } from "../providers/postgres/facts";
import { linkFactsSchema } from "../providers/probes/facts";

/**
 * The outputs of the stack: what other stacks and the program's own tools may rely on. Additions are compatible;
 * anything else is a new version.
 */

const figures = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), jitter: z.number() });

const end = z.object({
  site: z.string(),
  host: z.string(),
  /** The address on gre1. */
  linkAddress: z.string(),
  publicAddress: z.string(),
  cidr: z.string(),
  asn: z.number(),
});

/** The link between the sites, and what the deployment gate measured of it. Not secret. */
export const linkOutput = z.object({
  name: z.string(),
  primary: end,
  secondary: end,
  device: z.string(),
  mtu: z.number(),
  ipsecProfile: z.string(),
  budgetMs: z.number(),
  lossLimitPercent: z.number(),
  gate: z.object({
    /** `up`, or `outOfService` while a site is: then the figures are those of the last measurement. */
    verdict: z.string(),
    /** null when the link was never measured. */
    rttMs: figures.nullable(),
    underlayRttMs: figures.nullable(),
    lossPercent: z.number(),
    encrypted: z.boolean(),
    /** Empty when the link was never measured. */
    measuredAt: z.string(),
  }),
});
export type LinkOutput = z.infer<typeof linkOutput>;

/** The backup path and the services that it carries. Not secret. */
export const backupOutput = z.union([
  z.literal("off"),
  z.object({
    /** Port by which the gateways' proxies reach each other. */
    port: z.number(),
    drainSeconds: z.number(),
    services: z.array(
      z.object({
        name: z.string(),
        /** Port of the gateways' own listeners, by which a site uses the other's service. */
        localPort: z.number(),
        /** `gateway`: on 127.0.0.1 alone; `site`: on the gateway's private address too. */
        listen: z.enum(["gateway", "site"]),
        /** Sites that have the service. */
        sites: z.array(z.string()),
      }),
    ),
  }),
]);
export type BackupOutput = z.infer<typeof backupOutput>;

/** The pair and what is answered at its address. Not secret. */
export const haOutput = z.union([
  z.literal("off"),
  z.object({
    /** The service address. */
    vip: z.string(),
    policy: z.enum(["both-serve", "primary-only"]),
    /** Name of the site that has the address while both are well. */
    primary: z.string(),
    drainSeconds: z.number(),
    /** What is answered, each at its own port of the address. */
    services: z.array(z.object({ name: z.string(), port: z.number() })),
  }),
]);
export type HaOutput = z.infer<typeof haOutput>;

/** The database that the sites share, and what the deployment gate measured of its replication. Not secret. */
export const postgresOutput = z.union([
  z.literal("off"),
  z
    .object({
      database: z.string(),
      /** Of a site's own PostgreSQL, on 127.0.0.1 of its gateway. */
      port: z.number(),
      /** Of the other site's PostgreSQL, on 127.0.0.1 of the gateway. */
      peerPort: z.number(),
      writers: z.enum(["both", "primary"]),
      primary: z.string(),
      sites: z.array(z.string()),
      /** Numbers of the applications' passwords: what is in use, and what is accepted beside it. */
      passwords: z.object({ use: z.number(), accept: z.array(z.number()) }).optional(),
      /** What the deployment gate found: writes that lost against another, and tables that are the same on both sites. */
      conflicts: z.number().nullable(),
      tables: z.number(),
      /** Tables that were not compared, because they are too large. */
      unchecked: z.array(z.string()),
      /** `up`, or `outOfService` while a site is: then the figures are those of the last measurement, null without one. */
      verdict: z.string(),
      measuredAt: z.string(),
      /** Median time from a commit on one site to its being seen on the other, by the sites' names, e.g. `la_to_sg`. */
    })
    .catchall(z.object({ lagMs: z.number().nullable() })),
]);
export type PostgresOutput = z.infer<typeof postgresOutput>;

/** What each application logs in to the database with. Secret. */
export const postgresCredentials = z.array(
  z.object({ application: z.string(), database: z.string(), user: z.string(), password: z.string() }),
);
export type PostgresCredentials = z.infer<typeof postgresCredentials>;

/** What must be known of the databases to look at them. Secret. */
export const postgresFacts = z.union([z.literal("off"), replicationFactsSchema]);
export type PostgresFacts = z.infer<typeof postgresFacts>;

/** The users' name and where it leads them. Not secret. */
export const trafficOutput = z.union([
  z.literal("off"),
  z.object({
    /** The users' name, without a dot at its end. */
    name: z.string(),
    port: z.number(),
    ttlSeconds: z.number(),
    /** `nearest`: by place; `split`: by shares. */
    policy: z.enum(["nearest", "split"]),
    /** The sites that new users are sent to while they are well. */
    targets: z.array(
      z.object({
        site: z.string(),
        address: z.string(),
        /** Google's region that the site counts as standing in. */
        location: z.string(),
        /** Its share of the users; null where they go by place. */
        share: z.number().nullable(),
      }),
    ),
    /** The site that is sent no new users for maintenance. */
    drained: z.string().nullable(),
  }),
]);
export type TrafficOutput = z.infer<typeof trafficOutput>;

/** One host, how to reach it, and what it was given. Secret. */
const hostOutput = z.object({
  name: z.string(),
  connection: linkFactsSchema.shape.initiator.shape.connection,
  /** Number of the machine that is the host: 1, and a higher one once an empty machine took its place. */
  machine: z.number().default(1),
  /** Its site is out of service: the host was left as it was. */
  outOfService: z.boolean().default(false),
  components: z.array(z.object({ component: z.string(), generation: z.string() })),
});
export type HostOutput = z.infer<typeof hostOutput>;

/** All outputs. `hosts` and the facts hold keys to the hosts, `postgresCredentials` passwords; they are secrets. */
export const stackOutputs = z.object({
  link: linkOutput,
  linkFacts: linkFactsSchema,
  backup: backupOutput,
  ha: haOutput,
  postgres: postgresOutput,
  postgresFacts,
  postgresCredentials,
  traffic: trafficOutput,
  hosts: z.array(hostOutput),
});
export type StackOutputs = z.infer<typeof stackOutputs>;
