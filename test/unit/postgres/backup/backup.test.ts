import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backupTable, listBackups, restoreBackup } from "../../../../components/postgres/backup/remote";
import { renderBackup } from "../../../../components/postgres/backup/unit";
import type { Session } from "../../../../providers/ssh/session";
import { databases } from "../../probes/databases";
import { DatabaseHost } from "../databaseHost";
import { settingsOf } from "../fixtures";

jest.setTimeout(60_000);

let host: DatabaseHost;
let binaries: string;
const backups = (): string => join(host.root, "backups");
const data = (): string => join(host.root, "main");

/** PostgreSQL's own programs, as far as a backup sees them; `runuser` runs what it is given. */
function install(): void {
  binaries = join(host.root, "bin");
  const script = (name: string, text: string): void =>
    host.tool(name, `#!/bin/sh\necho "${name} $*" >> "$STUB_ROOT/tools"\n${text}\n`);
  script("runuser", 'shift 3; exec "$@"');
  script(
    "pg_basebackup",
    'while [ "$1" != -D ]; do shift; done; mkdir -p "$2" && echo 15 > "$2/PG_VERSION" && cp "$STUB_ROOT/main/rows" "$2/rows"',
  );
  script(
    "pg_verifybackup",
    '[ ! -e "$2/spoilt" ] || { echo "pg_verifybackup: error: checksum mismatch for file"; exit 1; }',
  );
  script("pg_ctl", '[ ! -e "$STUB_ROOT/no-start" ] || { echo "pg_ctl: could not start server"; exit 1; }');
  script(
    "service",
    '[ ! -e "$STUB_ROOT/no-service" ] || [ "$1" = stop ] || { rm "$STUB_ROOT/no-service"; exit 1; }',
  );
  host.tool(
    "psql",
    `#!/bin/sh\necho "psql $*" >> "$STUB_ROOT/tools"\ncase "$*" in *query_to_xml*) echo '{"public.t": 3}';; esac\n`,
  );
}

beforeEach(() => {
  host = new DatabaseHost();
  install();
  host.configure({
    site: "la",
    owner: process.getuid?.() === 0 ? "root" : process.env["USER"],
    binaries,
    dataDirectory: data(),
    directory: backups(),
    socket: "/var/run/postgresql",
    port: 5432,
    database: "app",
    keep: 2,
    stop: [join(binaries, "service"), "stop"],
    start: [join(binaries, "service"), "start"],
  });
  mkdirSync(data());
  writeFileSync(join(data(), "rows"), "today");
});

afterEach(() => host.remove());

const tools = (): string => readFileSync(join(host.root, "tools"), "utf8");
const labels = (): string[] =>
  existsSync(backups())
    ? readdirSync(backups())
        .filter((name) => name.endsWith(".json"))
        .map((name) => name.slice(0, -5))
    : [];
const run = (...verb: string[]): ReturnType<DatabaseHost["run"]> => host.run("pg_backup.py", ...verb);

describe("create", () => {
  test("a whole server with its WAL, checked before it counts", async () => {
    expect((await run("create")).status).toBe(0);
    expect(labels()).toEqual([expect.stringMatching(/^la-\d{8}T\d{6}Z$/)]);
    expect(tools()).toContain("-F p -X stream -c fast");
    expect(tools()).toMatch(/pg_basebackup .*-w .*--manifest-checksums=SHA256/);
    expect(tools()).toContain(`pg_verifybackup -q ${backups()}/.partial`);
    expect(host.metrics()).toContain('crossborder_postgres_backups{site="la",host="la-gw1"} 1\n');
  });

  test("one that does not match its manifest is none, and the older ones stay", async () => {
    await run("create");
    const before = labels();
    host.tool(
      "pg_verifybackup",
      "#!/bin/sh\necho 'pg_verifybackup: error: checksum mismatch for file'; exit 1\n",
    );
    const { status, journal } = await run("create");
    expect(status).toBe(1);
    expect(journal).toContain("checksum mismatch for file");
    expect(labels()).toEqual(before);
    expect(existsSync(join(backups(), ".partial"))).toBe(false);
  });

  test("old ones go after a new one is there", async () => {
    mkdirSync(backups());
    for (const label of ["la-20250101T000000Z", "la-20250102T000000Z"]) {
      mkdirSync(join(backups(), label));
      writeFileSync(
        join(backups(), `${label}.json`),
        JSON.stringify({ label, site: "la", at: 1, bytes: 1, version: "15", tested: null }),
      );
    }
    await run("create");
    expect(labels()).toHaveLength(2);
    expect(existsSync(join(backups(), "la-20250101T000000Z"))).toBe(false);
    expect(existsSync(join(backups(), "la-20250102T000000Z"))).toBe(true);
  });
});

describe("test", () => {
  test("a copy is started apart from everything and read; the backup itself is not touched", async () => {
    await run("create");
    const [label] = labels();
    const { status } = await run("test", label!);
    expect(status).toBe(0);
    expect(tools()).toMatch(new RegExp(`pg_ctl -D ${backups()}/.test .*-c config_file=`));
    expect(tools()).not.toMatch(new RegExp(`pg_ctl -D ${backups()}/${label}`));
    expect(existsSync(join(backups(), ".test"))).toBe(false);
    const known = JSON.parse(readFileSync(join(backups(), `${label}.json`), "utf8")) as { tested: unknown };
    expect(known.tested).toMatchObject({ rows: { "public.t": 3 } });
  });

  test("one that does not start is told, and leaves nothing behind", async () => {
    await run("create");
    host.write("no-start", "");
    const { status, journal } = await run("test", labels()[0]!);
    expect([status, journal]).toEqual([1, expect.stringContaining("could not start server")]);
    expect(existsSync(join(backups(), ".test"))).toBe(false);
  });
});

describe("restore", () => {
  let label: string;

  beforeEach(async () => {
    writeFileSync(join(data(), "rows"), "yesterday");
    await run("create");
    label = labels()[0]!;
    writeFileSync(join(data(), "rows"), "today");
  });

  const kept = (): string[] => readdirSync(host.root).filter((name) => name.startsWith("main.before-"));

  test("its data takes the server's place; what was there is kept", async () => {
    expect((await run("restore", label)).status).toBe(0);
    expect(readFileSync(join(data(), "rows"), "utf8")).toBe("yesterday");
    expect(readFileSync(join(host.root, kept()[0]!, "rows"), "utf8")).toBe("today");
  });

  test("before the server starts on it, it replicates nothing and refuses writes", async () => {
    await run("restore", label);
    const order = tools().split("\n");
    const isolated = order.findIndex((line) =>
      line.startsWith("update pglogical.subscription set sub_enabled = false"),
    );
    expect(isolated).toBeGreaterThan(0);
    expect(order.findIndex((line) => line === "service start")).toBeGreaterThan(isolated);
    expect(tools()).toContain("crossborder.set_writable(false, 'resync')");
  });

  test("a spoilt backup, or one that does not start, leaves the server running as it is", async () => {
    writeFileSync(join(backups(), label, "spoilt"), "");
    expect((await run("restore", label)).journal).toContain("checksum mismatch");
    rmSync(join(backups(), label, "spoilt"));
    host.write("no-start", "");
    expect((await run("restore", label)).status).toBe(1);
    expect(tools()).not.toContain("service stop");
    expect(readFileSync(join(data(), "rows"), "utf8")).toBe("today");
  });

  test("a server that does not start on it gets its own data back", async () => {
    host.write("no-service", "");
    expect((await run("restore", label)).status).toBe(1);
    expect(readFileSync(join(data(), "rows"), "utf8")).toBe("today");
    expect(kept()).toEqual([]);
    expect(tools().match(/service start/g)).toHaveLength(2);
  });

  test.each(["../main", "la-20990101T000000Z", ".partial"])("%s is no backup", async (name) => {
    const { status, journal } = await run("restore", name);
    expect([status, journal]).toEqual([
      1,
      expect.stringContaining(`there is no backup ${name}; there are: ${label}`),
    ]);
  });
});

test("units and configuration", () => {
  const settings = settingsOf();
  const { backups } = settings;
  if (backups === "off") throw new Error("there are no backups");
  const { files, units } = renderBackup({
    site: "la",
    host: "la-gw1",
    family: "debian",
    settings,
    backups,
    textfileDirectory: "/var/lib/prometheus/node-exporter",
  });
  expect({ files: files.filter(({ path }) => !path.endsWith(".py")), units }).toMatchSnapshot();
});

describe("from the operator's machine", () => {
  const session = (
    answer: { status: number; stdout: string; stderr: string },
    seen: string[] = [],
  ): Session => ({
    close: () => undefined,
    exec: async (command) => {
      seen.push(command);
      return answer;
    },
  });
  const backup = {
    label: "la-20260101T030000Z",
    site: "la",
    at: 1_767_236_400,
    bytes: 5_000_000,
    version: "15",
    tested: null,
  };

  test("a list, as a table", async () => {
    const seen: string[] = [];
    const answer = { status: 0, stdout: JSON.stringify([backup]), stderr: "" };
    const found = await listBackups(session(answer, seen), databases.primary);
    expect(backupTable(found)).toBe("la-20260101T030000Z  2026-01-01T03:00:00Z  5 MiB  not tried out");
    expect(seen).toEqual([
      "python3 /usr/local/lib/crossborder/postgres/pg_backup.py list /etc/crossborder/postgres-backup.json",
    ]);
    expect(backupTable([{ ...backup, tested: { at: 1_767_236_400, rows: { a: 2, b: 3 } } }])).toContain(
      "5 rows read on 2026-01-01",
    );
    expect(backupTable([])).toBe("no backups");
  });

  test("the host's reason is the error's, and no label reaches a shell that is none", async () => {
    const failed = session({ status: 1, stdout: "", stderr: "there is no backup x; there are: none\n" });
    await expect(restoreBackup(failed, databases.primary, "x")).rejects.toThrow(
      "la-gw1: there is no backup x",
    );
    const seen: string[] = [];
    const never = session({ status: 0, stdout: "", stderr: "" }, seen);
    await expect(restoreBackup(never, databases.primary, "x; reboot")).rejects.toThrow(
      /is no label of a backup/,
    );
    expect(seen).toEqual([]);
  });
});
