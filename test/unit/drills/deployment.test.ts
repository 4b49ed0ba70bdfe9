import { drills } from "../../../drills/catalogue";
import { type Deployment, missing } from "../../../drills/deployment";
import { prepareSql } from "../../../drills/database";
import { clientNames, seedKeys, specification } from "../../../drills/workload/specification";

const services = [{ name: "drill", localPort: 17020, listen: "site" as const }];
const database = { name: "app", port: 5432, user: "app_a", password: "secret" };
const whole = {
  backup: { services },
  ha: { vip: "10.0.0.100", services: [{ name: "drill", port: 7020 }] },
  database,
};
const place = { site: "la", gateway: "10.10.0.2", farHost: "10.20.0.50" };

function spec(deployed: object) {
  return specification(place, deployed as Deployment, "/run/h.jsonl", 2000);
}

describe("what is missing for a drill", () => {
  it("is nothing on a stack that has everything", () => {
    for (const { needs } of drills) expect(missing(needs, whole)).toEqual([]);
  });

  it("is named by its setting", () => {
    expect(missing(["backup", "ha", "database"], {})).toEqual([
      "crossborder:backup is off: nothing of it is deployed.",
      "crossborder:ha is off: nothing of it is deployed.",
      "crossborder:postgres is off: nothing of it is deployed.",
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
  expect(prepareSql("app_a", ["hot/0", "it's"])).toMatchSnapshot();
});
