import { z } from "zod";
import type { DatabaseEnd } from "../../../providers/postgres/facts";
import type { Session } from "../../../providers/ssh/session";
import { BACKUP_CONFIGURATION, BACKUP_PROGRAM } from "./unit";

const backupSchema = z.object({
  label: z.string(),
  site: z.string(),
  /** When it was made, s since 1970. */
  at: z.number(),
  bytes: z.number(),
  version: z.string(),
  /** When a copy of it was started and read, and how many rows each table had; null when it never was. */
  tested: z.object({ at: z.number(), rows: z.record(z.string(), z.number()) }).nullable(),
});
export type Backup = z.infer<typeof backupSchema>;

const restoredSchema = z.object({ restored: z.string(), kept: z.string().nullable() });

/** A label of pg_backup.py: nothing in it means anything to a shell. */
const LABEL = /^[A-Za-z0-9-]+$/;

/** Copying a database takes as long as its disk takes. */
const TIMEOUT_MS = 24 * 3_600_000;

async function run<T>(
  session: Session,
  end: DatabaseEnd,
  words: readonly string[],
  schema: z.ZodType<T>,
): Promise<T> {
  const sudo = end.connection.user === "root" ? "" : "sudo -n ";
  const [verb, ...labels] = words;
  const bad = labels.find((label) => !LABEL.test(label));
  if (bad !== undefined)
    throw new Error(`${bad} is no label of a backup; \`list\` shows those that there are`);
  const command = `${sudo}python3 ${[BACKUP_PROGRAM, verb, BACKUP_CONFIGURATION, ...labels].join(" ")}`;
  const { status, stdout, stderr } = await session.exec(command, { timeoutMs: TIMEOUT_MS });
  if (status !== 0) throw new Error(`${end.host}: ${stderr.trim() || `status ${status}`}`);
  return schema.parse(JSON.parse(stdout));
}

/** Makes a backup on a site's host and checks it against its manifest. @throws Error with the host's reason */
export function createBackup(session: Session, end: DatabaseEnd): Promise<Backup> {
  return run(session, end, ["create"], backupSchema);
}

export function listBackups(session: Session, end: DatabaseEnd): Promise<Backup[]> {
  return run(session, end, ["list"], z.array(backupSchema));
}

/** Starts a copy of a backup apart from everything and reads its tables. */
export function testBackup(session: Session, end: DatabaseEnd, label: string): Promise<Backup> {
  return run(session, end, ["test", label], backupSchema);
}

/** Puts a backup in the server's place; the site then refuses writes until it is brought back by a resync. */
export function restoreBackup(
  session: Session,
  end: DatabaseEnd,
  label: string,
): Promise<z.infer<typeof restoredSchema>> {
  return run(session, end, ["restore", label], restoredSchema);
}

/** Backups as a table for people. */
export function backupTable(backups: readonly Backup[]): string {
  if (backups.length === 0) return "no backups";
  const rows = backups.map(({ label, at, bytes, tested }) => [
    label,
    new Date(at * 1000).toISOString().slice(0, 19) + "Z",
    `${Math.ceil(bytes / 2 ** 20)} MiB`,
    tested
      ? `${Object.values(tested.rows).reduce((sum, count) => sum + count, 0)} rows read on ${new Date(tested.at * 1000).toISOString().slice(0, 10)}`
      : "not tried out",
  ]);
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
