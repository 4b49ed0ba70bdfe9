import {
  HBA_FILE,
  IDENT_FILE,
  RELOAD_FILE,
  ROLES_FILE,
  START_FILE,
  SUBSCRIPTION_FILE,
} from "../../../components/postgres/paths";
import { collectorParameters } from "../../../components/postgres/conflicts/parameters";
import { applicationsOf } from "../../../components/postgres/plan";
import { scramVerifier } from "../../../components/postgres/scram";
import { file } from "../host/manifests";
import { pencil, serverOf, settingsOf, subscriptionOf } from "./fixtures";

const applications = "/usr/local/lib/crossborder/postgres/80-applications.sql";

test("a verifier is what PostgreSQL itself makes of a password", () => {
  expect(scramVerifier("pencil", pencil.salt)).toBe(pencil.verifier);
});

test.each([START_FILE, RELOAD_FILE, HBA_FILE, IDENT_FILE, ROLES_FILE, applications])("%s", (path) => {
  expect(file(serverOf("la"), path)).toMatchSnapshot();
});

test("conflicts are found in the server's log by what its configuration says", () => {
  const start = file(serverOf("la"), START_FILE).content;
  const reload = file(serverOf("la"), RELOAD_FILE).content;
  for (const [name, value] of Object.entries(collectorParameters())) {
    expect(name === "logging_collector" ? start : reload).toContain(`${name} = '${value}'\n`);
  }
});

test("the subscription of the secondary takes the first copy; that of the primary doesn't", () => {
  const subscription = (site: "la" | "sg") =>
    JSON.parse(file(subscriptionOf(site), SUBSCRIPTION_FILE).content) as Record<string, unknown>;
  expect(subscription("sg")).toMatchSnapshot();
  expect(subscription("sg")).toMatchObject({ peer: "la", copy: true });
  expect(subscription("la")).toMatchObject({ peer: "sg", copy: false });
});

test("a subscription proves the other site's name, and needs no password", () => {
  const { dsn } = JSON.parse(file(subscriptionOf("la"), SUBSCRIPTION_FILE).content) as { dsn: string };
  expect(dsn).toContain("host=sg-gw1.crossborder.internal ");
  expect(dsn).toContain("sslmode=verify-full ");
  expect(dsn).not.toContain("password");
});

test("no line of who may connect goes by the address alone, and replication comes with a certificate", () => {
  const lines = file(serverOf("la", { applications: [{ name: "shop" }, { name: "crm" }] }), HBA_FILE)
    .content.split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));
  const methods = (types: readonly string[], at: number) =>
    new Set(lines.filter(([type]) => types.includes(type!)).map((line) => line[at]));
  expect(methods(["local"], 3)).toEqual(new Set(["peer"]));
  expect(methods(["host", "hostssl"], 4)).toEqual(new Set(["cert", "reject", "scram-sha-256"]));
  expect(
    lines.filter(([, , user]) => user === "crossborder_replication").map((line) => line.join(" ")),
  ).toEqual([
    "hostssl app crossborder_replication 127.0.0.1/32 cert map=crossborder",
    "host app crossborder_replication all reject",
  ]);
});

test("only the other site's certificate may be the role of replication", () => {
  const maps = (site: "la" | "sg") =>
    file(serverOf(site), IDENT_FILE)
      .content.split("\n")
      .filter((line) => line.endsWith("crossborder_replication"));
  expect(maps("la")).toEqual(["crossborder sg-gw1.crossborder.internal crossborder_replication"]);
  expect(maps("sg")).toEqual(["crossborder la-gw1.crossborder.internal crossborder_replication"]);
});

test.each([
  [{ use: 1, accept: [] }, { app_a: 1 }],
  [
    { use: 2, accept: [1] },
    { app_a: 1, app_b: 2 },
  ],
  [{ use: 2, accept: [] }, { app_b: 2 }],
  [
    { use: 3, accept: [2] },
    { app_a: 3, app_b: 2 },
  ],
])("with passwords %j, the logins that are valid have numbers %j", (passwords, valid) => {
  const logins = applicationsOf(settingsOf({ passwords })).flatMap((application) => application.logins);
  expect(
    Object.fromEntries(logins.flatMap(({ role, password }) => (password ? [[role, password]] : []))),
  ).toEqual(valid);
});

test("a login that is not valid can't log in and has no password", () => {
  const { content } = file(serverOf("la"), ROLES_FILE);
  expect(content).toContain(`ALTER ROLE app_a NOINHERIT LOGIN PASSWORD '${pencil.verifier}';`);
  expect(content).toContain("ALTER ROLE app_b NOINHERIT NOLOGIN PASSWORD NULL;");
});

test("an application's logins are the owner's only when it migrates", () => {
  const rolesWith = (migrates: boolean) =>
    file(serverOf("la", { applications: [{ name: "app", migrates }] }), ROLES_FILE).content;
  expect(rolesWith(false)).toContain("GRANT app TO app_a;\nREVOKE app_owner FROM app_a;\n");
  expect(rolesWith(true)).toContain("GRANT app_owner TO app_a;\nREVOKE app FROM app_a;\n");
});

test("verifiers are in a file for postgres alone, and nowhere else", () => {
  const holders = serverOf("la").files.filter(({ content }) => content.includes("SCRAM-SHA-256$"));
  expect(holders.map(({ path, mode, owner }) => [path, mode, owner])).toEqual([
    [ROLES_FILE, "0600", "postgres:postgres"],
  ]);
});
