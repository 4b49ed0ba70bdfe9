import * as pulumi from "@pulumi/pulumi";
import { ROLES_FILE, SUBSCRIPTION_FILE } from "../../../components/postgres/paths";
import {
  ReplicatedPostgres,
  type ReplicatedPostgresArgs,
} from "../../../components/postgres/replicatedPostgres";
import { scramVerifier } from "../../../components/postgres/scram";
import { certificatePaths } from "../../../components/pki/paths";
import { validSettings } from "../settings/fixtures";
import { fileOf, requestOf, sitesOf } from "./fixtures";
import { named, recordRegistrations, type Registered, valueOf, visible } from "./recorder";

const passwordOf = (name: string): string => `password-of-${name}-that-nobody-may-see`;
const salt = Buffer.from("0123456789abcdef").toString("base64");

function answer(type: string, name: string): Record<string, unknown> {
  if (type.endsWith(":RandomPassword")) return { result: pulumi.secret(passwordOf(name)) };
  return type.endsWith(":RandomBytes") ? { base64: salt } : {};
}

async function deployed(
  set: {
    postgres?: Record<string, unknown>;
    primary?: string;
    args?: Partial<ReplicatedPostgresArgs>;
    /** Numbers of the machines that took the place of the sites' gateways. */
    machines?: Readonly<Record<string, number>>;
  } = {},
): Promise<{ database: ReplicatedPostgres; all: readonly Registered[] }> {
  const registrations = await recordRegistrations(answer);
  const raw = validSettings() as { sites: Record<string, object> };
  for (const [site, gw1] of Object.entries(set.machines ?? {}))
    raw.sites[site] = { ...raw.sites[site], machines: { gw1 } };
  const { settings, sites } = sitesOf({
    ...raw,
    services: { postgres: { port: 5432 } },
    backup: {},
    postgres: set.postgres ?? {},
  });
  if (settings.postgres === "off") throw new Error("the database is off");
  const primary = set.primary ?? "la";
  const database = new ReplicatedPostgres("postgres", {
    primary: sites.find(({ name }) => name === primary)!,
    secondary: sites.find(({ name }) => name !== primary)!,
    postgres: settings.postgres,
    replicationEndpoints: { la: { host: "127.0.0.1", port: 15432 }, sg: { host: "127.0.0.1", port: 15433 } },
    certificates: ["la-gw1", "sg-gw1"].map((host) => ({
      host,
      dnsName: `${host}.crossborder.internal`,
      paths: certificatePaths(host),
      serial: pulumi.output(`serial of ${host}`),
      notBefore: pulumi.output("then"),
      notAfter: pulumi.output("later"),
    })),
    health: settings.health,
    ...set.args,
  });
  await Promise.all([valueOf(database.fingerprint), valueOf(database.credentials)]);
  return { database, all: await registrations() };
}

const own = (all: readonly Registered[]): Registered[] => all.filter(({ parent }) => parent === "postgres");

function subscriptionOf(all: readonly Registered[], host: string): Record<string, unknown> {
  const request = requestOf(named(all, `postgres-${host}-replication`));
  return JSON.parse(fileOf(request, SUBSCRIPTION_FILE)) as Record<string, unknown>;
}

test("its children carry its name and are parented to it", async () => {
  const { all } = await deployed();
  expect(
    own(all)
      .map(({ type, name }) => [type.split(":").at(-1), name])
      .sort(),
  ).toEqual(
    [
      ["RandomPassword", "postgres-app-password-1"],
      ["RandomBytes", "postgres-app-salt-1"],
      ["Command", "postgres-la-gw1"],
      ["Command", "postgres-sg-gw1"],
      ["Command", "postgres-la-gw1-replication"],
      ["Command", "postgres-sg-gw1-replication"],
    ].sort(),
  );
});

test("servers wait for nobody, the primary subscribes to both, and the secondary copies at last", async () => {
  const { all } = await deployed();
  const before = (name: string) =>
    named(all, name).dependencies.filter((dependency) => /^postgres-(la|sg)-gw1/.test(dependency));
  expect(before("postgres-la-gw1")).toEqual([]);
  expect(before("postgres-sg-gw1")).toEqual([]);
  expect(before("postgres-la-gw1-replication")).toEqual(["postgres-la-gw1", "postgres-sg-gw1"]);
  expect(before("postgres-sg-gw1-replication")).toEqual([
    "postgres-la-gw1",
    "postgres-la-gw1-replication",
    "postgres-sg-gw1",
  ]);
});

test.each(["la", "sg"])(
  "with %s as primary, the other site alone takes the first copy, and numbers stay",
  async (primary) => {
    const secondary = primary === "la" ? "sg" : "la";
    const { all } = await deployed({ primary });
    expect(subscriptionOf(all, `${primary}-gw1`)).toMatchObject({ peer: secondary, copy: false });
    expect(subscriptionOf(all, `${secondary}-gw1`)).toMatchObject({ peer: primary, copy: true });
    const setup = (host: string) =>
      /ExecStart=.*/.exec(
        fileOf(
          requestOf(named(all, `postgres-${host}`)),
          "/etc/systemd/system/crossborder-postgres-setup.service",
        ),
      )![0];
    expect(setup("la-gw1")).toContain(` la 1 ${primary} `);
    expect(setup("sg-gw1")).toContain(` sg 2 ${primary} `);
  },
);

test.each([
  [{ la: 2 }, "la"],
  [{ sg: 2 }, "sg"],
  [{ la: 2, sg: 3 }, "sg"],
  [{ la: 4, sg: 3 }, "la"],
])(
  "of the machines %j, that of %s came last and takes the first copy, after the other subscribed",
  async (machines, last) => {
    const other = last === "la" ? "sg" : "la";
    const { all } = await deployed({ machines });
    expect(subscriptionOf(all, `${last}-gw1`)).toMatchObject({ copy: true });
    expect(subscriptionOf(all, `${other}-gw1`)).toMatchObject({ copy: false });
    const { dependencies } = named(all, `postgres-${last}-gw1-replication`);
    expect(dependencies).toContain(`postgres-${other}-gw1-replication`);
  },
);

test("each site reaches the other by its own listener and the other's certificate", async () => {
  const { all } = await deployed();
  expect(subscriptionOf(all, "la-gw1")["dsn"]).toMatch(
    /^host=sg-gw1\.crossborder\.internal hostaddr=127\.0\.0\.1 port=15432 /,
  );
  expect(subscriptionOf(all, "sg-gw1")["dsn"]).toMatch(
    /^host=la-gw1\.crossborder\.internal hostaddr=127\.0\.0\.1 port=15433 /,
  );
});

test("hosts get verifiers of passwords, and never a password", async () => {
  const { all } = await deployed();
  const password = passwordOf("postgres-app-password-1");
  for (const host of ["la-gw1", "sg-gw1"]) {
    const request = requestOf(named(all, `postgres-${host}`));
    expect(fileOf(request, ROLES_FILE)).toContain(`'${scramVerifier(password, salt)}'`);
    expect(JSON.stringify(request)).not.toContain(password);
  }
  for (const resource of all) expect(visible(resource)).not.toMatch(/nobody-may-see|SCRAM-SHA-256\$4096/);
});

test("applications get the login in use, as a secret, while a rotation lets the old one be", async () => {
  const { database, all } = await deployed({
    postgres: { applications: [{ name: "shop" }, { name: "crm" }], passwords: { use: 2, accept: [1] } },
  });
  expect(await pulumi.isSecret(database.credentials)).toBe(true);
  expect(await valueOf(database.credentials)).toEqual(
    ["shop", "crm"].map((application) => ({
      application,
      database: "app",
      user: `${application}_b`,
      password: passwordOf(`postgres-${application}-password-2`),
    })),
  );
  const roles = fileOf(requestOf(named(all, "postgres-la-gw1")), ROLES_FILE);
  for (const [login, number] of [
    ["shop_a", 1],
    ["shop_b", 2],
  ] as const) {
    const verifier = scramVerifier(passwordOf(`postgres-shop-password-${number}`), salt);
    expect(roles).toContain(`ALTER ROLE ${login} NOINHERIT LOGIN PASSWORD '${verifier}';`);
  }
});

test("its fingerprint names all generations, and is no secret", async () => {
  const { database, all } = await deployed();
  const names = ["la-gw1", "sg-gw1", "la-gw1-replication", "sg-gw1-replication"];
  expect(await valueOf(database.fingerprint)).toBe(
    names.map((name) => requestOf(named(all, `postgres-${name}`)).generation).join("+"),
  );
  expect(await pulumi.isSecret(database.fingerprint)).toBe(false);
});

test("a host without a certificate, and a site without a way to the other, are named", async () => {
  await expect(deployed({ args: { certificates: [] } })).rejects.toThrow("host la-gw1 has no certificate");
  await expect(deployed({ args: { replicationEndpoints: {} } })).rejects.toThrow(
    "site la has no way to the other site's PostgreSQL",
  );
});
