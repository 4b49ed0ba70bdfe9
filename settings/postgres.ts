import { z } from "zod";
import { flag, oneOf, text, whole } from "./fields";

/** Longest name of an application: with `_owner` it is still an identifier of PostgreSQL (63 bytes). */
const LONGEST_NAME = 40;

function identifier(what: string) {
  const allowed = `${what}: 1 to ${LONGEST_NAME} of a-z, 0-9 and _, starting with a letter`;
  return z
    .string({ error: allowed })
    .regex(new RegExp(`^[a-z][a-z0-9_]{0,${LONGEST_NAME - 1}}$`), { error: allowed });
}

const application = z.strictObject({
  name: identifier("an application's name").describe(
    "The application, by the name of the role that has its rights. It logs in as `<name>_a` or `<name>_b`.",
  ),
  schemas: z
    .array(identifier("a schema's name"), { error: "a list of schemas' names" })
    .min(1, { error: "a list of at least one schema's name" })
    .optional()
    .describe(
      "Schemas that it uses, also its search path. Those that don't exist are made. Without it: `name`.",
    ),
  migrates: flag()
    .default(false)
    .describe(
      "Its logins may change the structure of its schemas, which makes them as mighty as a superuser.",
    ),
});

const clock = z.strictObject({
  budgetMs: whole(1, 10000, "ms")
    .default(10)
    .describe(
      "What a site's clock may be wrong by before it refuses writes. Of two writes to one row that lie closer together than twice this, the wrong one may win.",
    ),
  confirmations: whole(1, 10, "measurements")
    .default(2)
    .describe("Measurements of chrony inside half of the budget that let a site write again."),
});

const monitor = z.strictObject({
  intervalSeconds: whole(1, 60, "seconds")
    .default(5)
    .describe(
      "Time between beats, and looks at the WAL. What a site wrote after its last beat that arrived counts as not seen by the other.",
    ),
  conflictKeepDays: whole(1, 3650, "days").default(90).describe("How long recorded conflicts are kept."),
  logKeepDays: whole(1, 365, "days")
    .default(7)
    .describe("How long files of PostgreSQL's log are kept after they were read."),
});

const gate = z.strictObject({
  lagBudgetMs: whole(10, 60000, "ms")
    .default(1000)
    .describe("Longest median time from a commit on one site to its being seen on the other."),
  compareLimitMb: whole(1, 1048576, "MiB")
    .default(1024)
    .describe("Tables larger than this are not compared row by row."),
  deadlineSeconds: whole(30, 86400, "seconds")
    .default(300)
    .describe("Longest wait for subscriptions and first copies."),
});

const backups = z.strictObject({
  at: text("a time as systemd's OnCalendar has it, such as `*-*-* 03:00:00`")
    .regex(/^[A-Za-z0-9 *:,./~-]+$/, {
      error: "a time as systemd's OnCalendar has it, such as `*-*-* 03:00:00`",
    })
    .default("*-*-* 03:00:00")
    .describe("When one is made, as systemd's OnCalendar, up to ten minutes later."),
  keep: whole(1, 100, "backups").default(7).describe("Backups that are kept."),
  directory: text("an absolute path, other than /, of letters, digits and _ . - /")
    .regex(/^(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/, {
      error: "an absolute path, other than /, of letters, digits and _ . - /",
    })
    .default("/var/backups/crossborder-postgres")
    .describe("Directory on the host that takes them."),
});

/** The sites' databases and their replication. */
export const postgres = z.strictObject({
  database: identifier("a database's name").default("app").describe("The database that both sites share."),
  port: whole(1024, 65535, "a TCP port")
    .default(5432)
    .describe("TCP port of PostgreSQL, on 127.0.0.1 of each gateway."),
  writers: oneOf(["both", "primary"])
    .default("both")
    .describe("Sites that take writes. Two can't promise more than docs/postgres.md says."),
  adopt: flag()
    .default(false)
    .describe("Take over a database of that name that exists already at the primary, with its data."),
  locale: text("a locale that both hosts have, such as `C.UTF-8`")
    .regex(/^[A-Za-z0-9_.@-]+$/, { error: "a locale that both hosts have, such as `C.UTF-8`" })
    .default("C.UTF-8")
    .describe(
      "Collation and character classes of a new database; the encoding is UTF8. Adopting, that of the existing.",
    ),
  applications: z
    .array(application, { error: "a list of applications" })
    .min(1, { error: "a list of at least one application" })
    .default([{ name: "app", migrates: false }])
    .describe("Applications that use the database. Each has logins and schemas of its own."),
  passwords: z
    .strictObject({
      use: whole(1, 9999, "a password's number")
        .default(1)
        .describe(
          "Number of the applications' passwords in use. Odd ones are of `<name>_a`, even ones of `<name>_b`.",
        ),
      accept: z
        .array(whole(1, 9999, "a password's number"), { error: "a list of at most one password's number" })
        .max(1, { error: "a list of at most one password's number" })
        .default([])
        .describe("Number of the passwords accepted beside it, during a rotation."),
    })
    .prefault({})
    .describe("Passwords by number. `npm run rotate -- passwords` moves from one to the next."),
  maxConnections: whole(20, 5000, "connections")
    .default(100)
    .describe("Connections that PostgreSQL takes at a site, its own included."),
  sharedBuffersMb: whole(16, 65536, "MiB")
    .default(128)
    .describe("Memory for cached pages. A quarter of the host's is usual."),
  workMemMb: whole(1, 1024, "MiB").default(4).describe("Memory for each sort or hash of a query."),
  walKeepMb: whole(64, 1048576, "MiB")
    .default(2048)
    .describe(
      "Most WAL that is kept for the other site while it is away. Beyond it, it has to be synchronised anew.",
    ),
  walWarnPercent: whole(10, 90, "percent")
    .default(50)
    .describe("Share of `walKeepMb` in use that is warned of."),
  clock: clock
    .prefault({})
    .describe("What a site's clock must be for it to take writes: the last one wins by it."),
  monitor: monitor.prefault({}).describe("What watches the databases from beside them."),
  gate: gate.prefault({}).describe("What a deployment demands of replication."),
  backups: z
    .union([backups, z.literal("off")], { error: "`off`, or the base backups' own settings" })
    .prefault({})
    .describe("Base backups that each site makes on its own host."),
});
