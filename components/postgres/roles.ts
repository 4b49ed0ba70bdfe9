import type { HostFile } from "../host/manifest";
import { LIBRARY, ROLES_FILE } from "./paths";
import { type Application, APPLICATION_ROLE, MIGRATION_ROLE, MONITOR_ROLE, REPLICATION_ROLE } from "./plan";

/** What PostgreSQL keeps of the applications' passwords, by login. */
export type Verifiers = Readonly<Record<string, string>>;

function ensure(role: string, attributes: string): string {
  // Only PL/pgSQL can ask first; a role that exists keeps what it has beside these.
  return `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role} NOLOGIN; END IF;
END $$;
${attributes === "" ? "" : `ALTER ROLE ${role} ${attributes};\n`}`;
}

function logins({ role, owner, migrates, logins }: Application, verifiers: Verifiers): string {
  return logins
    .map((login) => {
      const verifier = login.password === undefined ? undefined : verifiers[login.role];
      const access = verifier === undefined ? "NOLOGIN PASSWORD NULL" : `LOGIN PASSWORD '${verifier}'`;
      const [granted, revoked] = migrates ? [owner, role] : [role, owner];
      // It takes the granted role at login, so that it doesn't matter which login made something.
      return (
        ensure(login.role, `NOINHERIT ${access}`) +
        `GRANT ${granted} TO ${login.role};\nREVOKE ${revoked} FROM ${login.role};\n`
      );
    })
    .join("");
}

/**
 * The roles of a site, for `psql`. They are the same on both sites, with the same passwords. Names were checked with the
 * settings, and a verifier has no quotes.
 */
export function renderRoles(applications: readonly Application[], verifiers: Verifiers): HostFile {
  const content = [
    "-- Roles. A failing statement must not take a verifier into the log.\n",
    "SET log_min_error_statement = panic;\nSET log_min_duration_statement = -1;\n",
    "-- What is granted or revoked already is no news.\nSET client_min_messages = error;\n",
    ensure(REPLICATION_ROLE, "LOGIN REPLICATION PASSWORD NULL"),
    ensure(MONITOR_ROLE, "LOGIN PASSWORD NULL"),
    ensure(APPLICATION_ROLE, ""),
    ensure(MIGRATION_ROLE, ""),
    ...applications.map(
      (application) =>
        ensure(application.role, "") +
        ensure(application.owner, "") +
        `GRANT ${APPLICATION_ROLE} TO ${application.role};\n` +
        `GRANT ${application.role}, ${MIGRATION_ROLE} TO ${application.owner};\n` +
        logins(application, verifiers),
    ),
  ].join("");
  return { path: ROLES_FILE, content, mode: "0600", owner: "postgres:postgres" };
}

function ofLogins({ role, owner, migrates, schemas, logins }: Application, database: string): string {
  return logins
    .map(
      (login) =>
        // It needs the right itself: it takes the other role only after it has connected.
        `GRANT CONNECT ON DATABASE ${database} TO ${login.role};\n` +
        `ALTER ROLE ${login.role} IN DATABASE ${database} SET role = '${migrates ? owner : role}';\n` +
        `ALTER ROLE ${login.role} IN DATABASE ${database} SET search_path = ${schemas.join(", ")};\n`,
    )
    .join("");
}

function ofSchema({ role, owner }: Application, schema: string): string {
  const rows = "SELECT, INSERT, UPDATE, DELETE";
  const numbers = "USAGE, SELECT";
  const later = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${schema} GRANT`;
  return `CREATE SCHEMA IF NOT EXISTS ${schema} AUTHORIZATION ${owner};
GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${owner};
GRANT USAGE ON SCHEMA ${schema} TO ${role};
GRANT ${rows} ON ALL TABLES IN SCHEMA ${schema} TO ${role};
GRANT ${numbers} ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role};
${later} ${rows} ON TABLES TO ${role};
${later} ${numbers} ON SEQUENCES TO ${role};
`;
}

/** What the applications have in the database: schemas, and the rights on what is in them and will be. */
export function renderApplications(applications: readonly Application[], database: string): HostFile {
  const content = [
    "-- What the applications have in the database.\n",
    `REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC;\n`,
    `GRANT CONNECT ON DATABASE ${database} TO ${REPLICATION_ROLE}, ${MONITOR_ROLE};\n`,
    `GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${APPLICATION_ROLE};\n`,
    ...applications.map(
      (application) =>
        ofLogins(application, database) +
        application.schemas.map((schema) => ofSchema(application, schema)).join(""),
    ),
  ].join("");
  return { path: `${LIBRARY}/80-applications.sql`, content, mode: "0644" };
}
