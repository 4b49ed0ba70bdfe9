import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import { errorsOf, gcpSettings, tencentSettings, validSettings } from "./fixtures";

/** Settings with a database, each key of which may be changed. */
function withPostgres(
  postgres: Record<string, unknown> | string = {},
  others: Record<string, unknown> = {},
): Record<string, unknown> {
  return { ...validSettings(), services: { postgres: { port: 5432 } }, backup: {}, postgres, ...others };
}

test("there is no database unless it is asked for, and then it has defaults", () => {
  expect(parseSettings(validSettings()).postgres).toBe("off");
  expect(parseSettings(withPostgres()).postgres).toEqual({
    database: "app",
    port: 5432,
    writers: "both",
    adopt: false,
    locale: "C.UTF-8",
    applications: [{ name: "app", migrates: false }],
    passwords: { use: 1, accept: [] },
    maxConnections: 100,
    sharedBuffersMb: 128,
    workMemMb: 4,
    walKeepMb: 2048,
    walWarnPercent: 50,
    clock: { budgetMs: 10, confirmations: 2 },
    monitor: { intervalSeconds: 5, conflictKeepDays: 90, logKeepDays: 7 },
    gate: { lagBudgetMs: 1000, compareLimitMb: 1024, deadlineSeconds: 300 },
    backups: { at: "*-*-* 03:00:00", keep: 7, directory: "/var/backups/crossborder-postgres" },
  });
  expect(parseSettings(withPostgres({ backups: "off" })).postgres).toMatchObject({ backups: "off" });
});

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    "a database's name",
    withPostgres({ database: "My-App" }),
    /postgres\.database is "My-App"; it must be a database's name/,
  ],
  [
    "a taken database",
    withPostgres({ database: "postgres" }),
    /postgres\.database is "postgres"; it must not be a name/,
  ],
  [
    "a taken role",
    withPostgres({ applications: [{ name: "pg_app" }] }),
    /postgres\.applications\[0\]\.name is "pg_app"; it must not be/,
  ],
  [
    "a taken schema",
    withPostgres({ applications: [{ name: "app", schemas: ["public", "crossborder"] }] }),
    /postgres\.applications\[0\]\.schemas\[1\] is "crossborder"/,
  ],
  [
    "two applications that make one role",
    withPostgres({ applications: [{ name: "app" }, { name: "app_a" }] }),
    /makes the role app_a twice/,
  ],
  [
    "no application",
    withPostgres({ applications: [] }),
    /postgres\.applications is \[\]; it must be a list of at least one/,
  ],
  [
    "no schema",
    withPostgres({ applications: [{ name: "app", schemas: [] }] }),
    /schemas is \[\]; it must be a list of at least one/,
  ],
  [
    "writers",
    withPostgres({ writers: "secondary" }),
    /postgres\.writers is "secondary"; it must be one of both, primary/,
  ],
  [
    "passwords of one login",
    withPostgres({ passwords: { use: 3, accept: [1] } }),
    /passwords\.accept has 1, with 3 in use; one of them must be odd/,
  ],
  [
    "two accepted passwords",
    withPostgres({ passwords: { use: 3, accept: [2, 4] } }),
    /passwords\.accept is \[2,4\]; it must be a list of at most one/,
  ],
  [
    "no backup path",
    withPostgres({}, { backup: "off" }),
    /crossborder:backup is "off"; it must be on for crossborder:postgres/,
  ],
  [
    "no service",
    withPostgres({}, { services: { other: { port: 7000 } } }),
    /services\.postgres is missing; it must have port 5432/,
  ],
  ["another port", withPostgres({ port: 5433 }), /services\.postgres\.port is 5432; it must be 5433/],
  [
    "a service elsewhere",
    withPostgres(
      {},
      { services: { postgres: { port: 5432, sites: { la: { address: "10.10.0.9" }, sg: {} } } } },
    ),
    /services\.postgres is not on the gateway of la/,
  ],
  [
    "a clock that is not looked at",
    withPostgres({ clock: { budgetMs: 0 } }),
    /postgres\.clock\.budgetMs is 0; it must be a whole number of ms from 1 to 10000/,
  ],
  [
    "a time that is none",
    withPostgres({ backups: { at: "03:00\nExecStart=/bin/sh" } }),
    /postgres\.backups\.at is "03:00\\nExecStart=\/bin\/sh"; it must be a time as systemd's OnCalendar/,
  ],
  [
    "backups beside the path",
    withPostgres({ backups: { directory: "/var/backups/../lib" } }),
    /postgres\.backups\.directory is "\/var\/backups\/\.\.\/lib"; it must be an absolute path/,
  ],
  ["a key that is none", withPostgres({ walKeepGb: 1 }), /postgres\.walKeepGb is not a setting/],
])("%s is refused in one sentence", (_what, raw, message) => {
  expect(errorsOf(raw)).toEqual([expect.stringMatching(message)]);
});

test.each(["west-coast", "singapore-two", "abcdefghijkl"])(
  "a site named %s, for which pglogical would make another slot's name, is refused",
  (name) => {
    const { la, sg } = validSettings()["sites"] as Record<string, unknown>;
    expect(errorsOf(withPostgres({}, { sites: { la, [name]: sg } }))).toEqual([
      `crossborder:sites.${name} has a name that pglogical can't replicate under; with crossborder:postgres it must be ` +
        "1 to 11 of a-z and 0-9, starting with a letter.",
    ]);
    expect(errorsOf(withPostgres("off", { sites: { la, [name]: sg } }))).toEqual([]);
  },
);

test("hosts of another family are refused", () => {
  const raw = withPostgres();
  (
    raw["sites"] as { sg: { existing: { gateways: { family?: string }[] } } }
  ).sg.existing.gateways[0]!.family = "centos7";
  expect(errorsOf(raw)).toEqual([
    expect.stringContaining("on which the proxy doesn't run"),
    'crossborder:sites.sg.existing.gateways[0].family is "centos7"; with crossborder:postgres it must be debian, ubuntu or rhel.',
  ]);
});

test("hosts that a cloud makes are held to the same, by the setting of their operating system", () => {
  const { services, backup, postgres } = withPostgres();
  const raw = (set: Record<string, unknown>) => ({ ...tencentSettings(set), services, backup, postgres });
  expect(errorsOf(raw({ os: "centos79", acknowledgeEndOfLife: true }))).toEqual([
    'crossborder:sites.sg.tencent.os is "centos79", on which the proxy doesn\'t run; with crossborder:backup it must be ' +
      "rocky9, alma9, ubuntu2204 or debian12.",
    'crossborder:sites.sg.tencent.os is "centos79"; with crossborder:postgres it must be rocky9, alma9, ubuntu2204 or debian12.',
  ]);
  expect(errorsOf(raw({ os: "rocky9" }))).toEqual([]);
  const { sites, ...others } = gcpSettings();
  expect(errorsOf({ ...others, sites, services, backup, postgres })).toEqual([]);
});

test("a rotation that is not ended is warned of", () => {
  const settings = parseSettings(withPostgres({ passwords: { use: 2, accept: [1] } }));
  expect(warnings(settings)).toEqual([
    expect.stringContaining("passwords 1. `npm run rotate -- passwords` ends that."),
  ]);
});
