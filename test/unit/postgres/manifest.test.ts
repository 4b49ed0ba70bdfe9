import {
  CERTIFICATE_NOTE,
  HBA_FILE,
  LIBRARY,
  RELOAD_FILE,
  ROLES_FILE,
  SETUP_UNIT,
  START_FILE,
} from "../../../components/postgres/paths";
import type { Manifest } from "../../../components/host/manifest";
import { file } from "../host/manifests";
import { serverOf, subscriptionOf } from "./fixtures";

const POSTGRES_UNIT = "postgresql@15-main.service";

/** What happens to which units when these paths change. */
function reactions({ units }: Manifest, ...changed: string[]): [string, string][] {
  return units
    .filter(({ watches }) => watches.some((path) => changed.includes(path)))
    .map(({ name, onChange }) => [name, typeof onChange === "string" ? onChange : onChange.name]);
}

const setupOf = (manifest: Manifest): string | undefined =>
  /^ExecStart=(.*)$/m.exec(file(manifest, `/etc/systemd/system/${SETUP_UNIT}`).content)?.[1];

test.each([
  ["la", serverOf("la")],
  ["la's subscription", subscriptionOf("la")],
  ["sg's subscription", subscriptionOf("sg")],
])("the units, packages and checks of %s", (_whose, manifest) => {
  const { files, ...rest } = manifest;
  expect(rest).toMatchSnapshot();
  expect(
    files.map(({ path, mode, owner }) => [path, mode, ...(owner === undefined ? [] : [owner])]),
  ).toMatchSnapshot();
  expect(files.filter(({ path }) => path.startsWith("/etc/systemd/"))).toMatchSnapshot();
});

test("what is removed with the database is not where the installer keeps its records of it", () => {
  for (const { component, teardown } of [serverOf("la"), subscriptionOf("la")]) {
    expect(teardown.flatMap(({ argv }) => argv)).not.toContain(`/var/lib/crossborder/${component}`);
  }
});

test("only what PostgreSQL reads at its start restarts it", () => {
  const manifest = serverOf("la");
  expect(reactions(manifest, START_FILE)).toEqual([[POSTGRES_UNIT, "restart"]]);
  expect(reactions(manifest, RELOAD_FILE)).toEqual([[POSTGRES_UNIT, "reload"]]);
  expect(reactions(manifest, HBA_FILE)).toEqual([[POSTGRES_UNIT, "reload"]]);
  expect(reactions(manifest, ROLES_FILE)).toEqual([[SETUP_UNIT, "restart"]]);
});

test("a new certificate is copied, then read", () => {
  expect(reactions(serverOf("la"), CERTIFICATE_NOTE)).toEqual([
    ["crossborder-postgres-tls.service", "restart"],
    [POSTGRES_UNIT, "reload"],
  ]);
});

test("memory and connections change at a start, the rest while it runs", () => {
  const changed = (set: Record<string, unknown>): string[] => {
    const before = new Map(serverOf("la").files.map(({ path, content }) => [path, content]));
    return serverOf("la", set)
      .files.filter(({ path, content }) => before.get(path) !== content)
      .map(({ path }) => path);
  };
  expect(changed({ sharedBuffersMb: 256 })).toEqual([START_FILE]);
  expect(changed({ maxConnections: 200 })).toEqual([START_FILE]);
  expect(changed({ workMemMb: 8 })).toEqual([RELOAD_FILE]);
  expect(changed({ walKeepMb: 512 })).toEqual([RELOAD_FILE]);
});

test("only the primary adopts what it finds", () => {
  expect(setupOf(serverOf("la", { adopt: true }))).toContain(" true la 1 la both ");
  expect(setupOf(serverOf("sg", { adopt: true }))).toContain(" false sg 2 la both ");
  expect(setupOf(serverOf("la"))).toContain(" false la 1 la both ");
});

test("the SQL of what watches is run by the set-up, and what watches is told before it goes", () => {
  const manifest = serverOf("la");
  expect(reactions(manifest, `${LIBRARY}/85-monitor.sql`)).toEqual([[SETUP_UNIT, "restart"]]);
  expect(manifest.teardown.map(({ name }) => name)).toEqual([
    "stop the restarts of replication",
    "stop watching the database",
    "remove what the database's services remember",
    "take the product out of the database",
    "remove what the product made",
  ]);
});

test("the monitors come after the set-up, and backups can be off", () => {
  const names = (set: Record<string, unknown> = {}) => serverOf("la", set).units.map(({ name }) => name);
  const at = (name: string) => names().indexOf(name);
  expect(at("crossborder-postgres-clock-gate.service")).toBeGreaterThan(at(SETUP_UNIT));
  expect(at("crossborder-postgres-clock-gate.service")).toBeGreaterThan(
    at("crossborder-postgres-clock-pace.service"),
  );
  expect(names()).toContain("crossborder-postgres-backup.timer");
  expect(names({ backups: "off" })).not.toContain("crossborder-postgres-backup.timer");
});

test("the SQL runs in the order of its names, with the rights at last", () => {
  const names = serverOf("la")
    .files.map(({ path }) => path.split("/").at(-1)!)
    .filter((name) => name.endsWith(".sql") && name !== "roles.sql")
    .sort();
  expect(names.at(0)).toBe("10-site.sql");
  expect(names.at(-1)).toBe("90-rights.sql");
});
