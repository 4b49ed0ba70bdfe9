import { drills } from "../../../drills/catalogue";
import { type Deployment, deploymentOf, missing } from "../../../drills/deployment";
import { prepareSql } from "../../../drills/database";
import { clientNames, seedKeys, specification } from "../../../drills/workload/specification";

const services = [
  { name: "drill", localPort: 17020, listen: "site" as const },
  { name: "postgres", localPort: 15432, listen: "site" as const },
];
const database = { name: "app", port: 5432, owner: "drill_owner", user: "drill_a", password: "secret" };
const whole = {
  backup: { services },
  ha: { vip: "10.0.0.100", services: [{ name: "drill", port: 7020 }] },
  database,
};
const place = { site: "la", gateway: "10.10.0.2", farHost: "10.20.0.50" };

function spec(deployed: object) {
  const how = {
    history: "/run/h.jsonl",
    serviceIntervalMs: 50,
    databaseIntervalMs: 60,
    loginMs: 70,
    timeoutMs: 2000,
  };
  return specification(place, deployed as Deployment, how);
}

describe("what is missing for a drill", () => {
  it("is nothing on a stack that has everything", () => {
    for (const { needs } of drills) expect(missing(needs, whole)).toEqual([]);
  });

  it("is named by its setting", () => {
    expect(missing(["backup", "ha", "database"], {})).toEqual([
      "crossborder:backup is off: nothing of it is deployed.",
      "crossborder:ha is off: nothing of it is deployed.",
      "crossborder:postgres is off, or its applications lack drill: there is nobody for the clients to be.",
    ]);
  });

  it("is the sites' way to their database, when gateways have it for themselves alone", () => {
    const backup = { services: [services[0]!, { ...services[1]!, listen: "gateway" as const }] };
    expect(missing(["database"], { backup, database })).toEqual([
      "crossborder:services.postgres is not { listen: site }: the sites' hosts don't reach their database.",
    ]);
  });

  it("is the service, when the backup path carries none that hosts of the site may use", () => {
    const unusable = [[], [{ ...services[0]!, listen: "gateway" as const }]];
    for (const none of unusable) {
      expect(missing(["backup"], { backup: { services: none } })).toEqual([
        "crossborder:services.drill is not { port: 7020, listen: site }: there is nothing to send requests to.",
      ]);
    }
  });
});

describe("the database of a stack", () => {
  const end = {
    ...{ site: "la", host: "la-gw1", linkAddress: "10.255.0.1" },
    ...{ publicAddress: "198.51.100.10", cidr: "10.10.0.0/24", asn: 65010 },
  };
  const rtt = { p50: 1, p95: 1, p99: 1, jitter: 0 };
  const link = {
    ...{ name: "la-sg", primary: end, secondary: end, device: "gre1", mtu: 1380 },
    ...{ ipsecProfile: "modern", budgetMs: 100, lossLimitPercent: 1 },
    gate: {
      ...{ verdict: "up", rttMs: rtt, underlayRttMs: rtt, lossPercent: 0, encrypted: true },
      measuredAt: "now",
    },
  };
  const postgres = { database: "app", port: 5432, writers: "both" };
  const login = (application: string) => ({
    ...{ application, database: "app", user: `${application}_a`, password: "secret" },
  });

  it("is used by the application for it", () => {
    const outputs = { link, postgres, postgresCredentials: [login("shop"), login("drill")] };
    expect(deploymentOf("lab", outputs).database).toEqual(database);
  });

  it.each([
    ["none", { link, postgres: "off", postgresCredentials: [] }],
    ["none that deploys one", { link }],
    ["no such application", { link, postgres, postgresCredentials: [login("shop")] }],
  ])("is not there for drills with %s", (_what, outputs) => {
    expect(deploymentOf("lab", outputs).database).toBeUndefined();
  });
});

test("a stack without what drills need is told of, without a value", () => {
  const outputs = { link: "a-secret", postgresCredentials: [{ password: "a-secret" }] };
  expect(() => deploymentOf("lab", outputs)).toThrow(
    /^stack lab has no such outputs as drills need: link, (?!.*a-secret).*; was it deployed\?$/,
  );
});

describe("the clients of a host", () => {
  it("use everything that is deployed, each through its own address", () => {
    const { databases, services: asked } = spec(whole);
    expect(databases.map(({ name, host, port }) => `${name} ${host}:${port}`)).toEqual([
      "la-site 10.10.0.2:5432",
      "la-vip 10.0.0.100:5432",
    ]);
    expect(asked.map(({ name, host, port }) => `${name} ${host}:${port}`)).toEqual([
      "la-link 10.20.0.50:7010",
      "la-service 10.10.0.2:17020",
      "la-vip-service 10.0.0.100:7020",
    ]);
    expect(clientNames(spec(whole))).toHaveLength(7);
  });

  it("are there for the link alone where nothing else is", () => {
    expect(clientNames(spec({}))).toEqual(["la-link"]);
  });

  it("find the rows that they update", () => {
    expect(seedKeys([spec(whole)])).toEqual([
      ...["hot/0", "hot/1", "hot/2"],
      ...[0, 1, 2, 3].map((index) => `update/la-site-writes/${index}`),
      ...[0, 1, 2, 3].map((index) => `update/la-vip-writes/${index}`),
    ]);
  });
});

test("the clients' table is made on both sides by the function for it, its seeds on one", () => {
  expect(prepareSql("drill_owner", ["hot/0", "it's"])).toMatchSnapshot();
});
