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
});
