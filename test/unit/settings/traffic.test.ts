import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import { errorsOf, gcpSettings, tencentSettings, validSettings } from "./fixtures";

const key = "crossborder:traffic";
const needed = { zone: "example-com", name: "app.example.com" };

/** Valid settings with the traffic on, and Los Angeles made on Google Cloud. */
function trafficSettings(set: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...gcpSettings(), traffic: { ...needed, ...set } };
}

test("nobody's name is touched unless the settings say so", () => {
  expect(parseSettings(validSettings()).traffic).toBe("off");
});

test("the zone and the name are needed; the rest has its defaults", () => {
  expect(parseSettings(trafficSettings()).traffic).toEqual({
    ...needed,
    port: 443,
    ttlSeconds: 60,
    locations: {},
    check: { protocol: "tcp", intervalSeconds: 30 },
  });
  expect(errorsOf({ ...gcpSettings(), traffic: {} })).toEqual([
    `${key}.zone is missing; it must be the name of a public managed zone of Cloud DNS, such as example-com.`,
    `${key}.name is missing; it must be a DNS name in lower case, without a dot at its end, such as app.example.com.`,
  ]);
});

test("all that can be said of it is taken", () => {
  const set = {
    ...{ project: "my-project", port: 8080, ttlSeconds: 5, drain: "sg" },
    ...{ locations: { sg: "asia-southeast2" }, split: { la: 1000, sg: 1 } },
    check: { protocol: "https", path: "/healthz?deep=1", intervalSeconds: 300 },
  };
  expect(errorsOf(trafficSettings(set))).toEqual([]);
});

test.each<[string, Record<string, unknown>, string]>([
  [
    "a zone's domain in the place of its name",
    { zone: "example.com" },
    `${key}.zone is "example.com"; it must be the name of a public managed zone of Cloud DNS, such as example-com.`,
  ],
  ...["app.example.com.", "app", "App.example.com", "-app.example.com", `${"a".repeat(64)}.com`].map(
    (name): [string, Record<string, unknown>, string] => [
      `the name ${name.slice(0, 20)}`,
      { name },
      `${key}.name is "${name}"; it must be a DNS name in lower case, without a dot at its end, such as app.example.com.`,
    ],
  ),
  [
    "a project's name in the place of its id",
    { project: "My Project" },
    `${key}.project is "My Project"; it must be the id of a Google Cloud project: 6 to 30 of a-z, 0-9 and -, starting with a letter.`,
  ],
  [
    "no time at all to keep an answer",
    { ttlSeconds: 0 },
    `${key}.ttlSeconds is 0; it must be a whole number of seconds from 5 to 86400.`,
  ],
  [
    "checks that are more frequent than Google makes them",
    { check: { intervalSeconds: 10 } },
    `${key}.check.intervalSeconds is 10; it must be a whole number of seconds from 30 to 300.`,
  ],
  [
    "a protocol that Google doesn't check on the Internet",
    { check: { protocol: "grpc" } },
    `${key}.check.protocol is "grpc"; it must be one of tcp, http, https.`,
  ],
  [
    "a relative path",
    { check: { protocol: "http", path: "healthz" } },
    `${key}.check.path is "healthz"; it must be a path that starts with /.`,
  ],
  [
    "a path that nobody asks for",
    { check: { path: "/healthz" } },
    `${key}.check.path is "/healthz"; with protocol tcp it must be left out: nothing is asked for.`,
  ],
  [
    "maintenance of a site that isn't there",
    { drain: "fra" },
    `${key}.drain is "fra"; it must be one of the sites: la, sg.`,
  ],
  [
    "a place for a site that isn't there",
    { locations: { fra: "europe-west3" } },
    `${key}.locations has "fra"; it must be one of the sites: la, sg.`,
  ],
  [
    "a share for a site that isn't there",
    { split: { la: 1, sg: 1, fra: 1 } },
    `${key}.split has "fra"; it must be one of the sites: la, sg.`,
  ],
  [
    "no share for a site",
    { split: { la: 100 } },
    `${key}.split has no share for sg; it must have one for each site, and ${key}.drain takes a site out.`,
  ],
  [
    "a share of nothing",
    { split: { la: 100, sg: 0 } },
    `${key}.split.sg is 0; it must be a whole number of shares from 1 to 1000.`,
  ],
  [
    "a place that Google doesn't have",
    { locations: { sg: "ap-singapore" } },
    `${key}.locations.sg is "ap-singapore"; it must be a region of Google Cloud: africa-south1, `,
  ],
  [
    "two sites in one place",
    { locations: { sg: "us-west2" } },
    `${key}.locations has us-west2 for la and sg, given or by their places; ` +
      `they must differ, or ${key}.split must divide the users.`,
  ],
  ["sshd's port", { port: 22 }, `${key}.port is 22, which is sshd's; it must be another, open to everybody.`],
  [
    "bgpd's port",
    { port: 179 },
    `${key}.port is 179, which is bgpd's; it must be another, open to everybody.`,
  ],
])("%s is refused", (_what, set, sentence) => {
  const errors = errorsOf(trafficSettings(set));
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(sentence);
});

test("two sites in one place can have shares of the users", () => {
  expect(errorsOf(trafficSettings({ locations: { sg: "us-west2" }, split: { la: 9, sg: 1 } }))).toEqual([]);
});

test("without a site on Google Cloud the zone's project has to be named", () => {
  const settings = { ...validSettings(), traffic: needed };
  expect(errorsOf(settings)).toEqual([
    `${key}.project is missing; with no site on Google Cloud it must be the id of the project that has the zone example-com.`,
  ]);
  expect(errorsOf({ ...settings, traffic: { ...needed, project: "my-project" } })).toEqual([]);
});

test("the ports of the gateways' proxy are not the users'", () => {
  const settings = {
    backup: {},
    services: { web: { port: 443, listen: "site" }, api: { port: 9000, localPort: 9001 } },
  };
  const at = (port: number): readonly string[] => errorsOf({ ...trafficSettings({ port }), ...settings });
  const proxys = (port: number, service: string): string =>
    `${key}.port is ${port}, which is the gateways' proxy's, for the service ${service}; it must be another, open to everybody.`;
  expect(at(443)).toEqual([proxys(443, "web")]);
  expect(at(10443)).toEqual([proxys(10443, "web")]);
  expect(at(9001)).toEqual([proxys(9001, "api")]);
  expect(at(8443)).toEqual([
    `${key}.port is 8443, which is the backup path's proxy's; it must be another, open to everybody.`,
  ]);
  expect(errorsOf({ ...trafficSettings({ port: 18851 }), ...settings, ha: {} })).toEqual([
    proxys(18851, "ha-state"),
  ]);
  // Where no listener of the proxy stands, a program may.
  expect(at(9000)).toEqual([]);
  expect(errorsOf({ ...trafficSettings(), ...settings, backup: "off" })).toEqual([]);
});

test("the database's port is nobody's but the sites'", () => {
  const settings = { backup: {}, services: { postgres: { port: 5432 } }, postgres: {} };
  expect(errorsOf({ ...trafficSettings({ port: 5432 }), ...settings })).toContain(
    `${key}.port is 5432, which is PostgreSQL's; it must be another, open to everybody.`,
  );
});

test("while one site is out of service, the other can't be drained", () => {
  const settings = trafficSettings({ drain: "la" });
  const { la, sg } = settings["sites"] as Record<string, object>;
  expect(errorsOf({ ...settings, sites: { la, sg: { ...sg, outOfService: true } } })).toContain(
    `${key}.drain is "la", and the other site is out of service; it must be left out: nobody would serve users.`,
  );
});

test("users who would go past an accelerator that is paid for are warned of", () => {
  const set = {
    publicPorts: [443],
    accelerator: { areas: [{ region: "ap-jakarta" }], ports: [443] },
  };
  const settings = { ...tencentSettings(set), traffic: { ...needed, project: "my-project" } };
  expect(warnings(parseSettings(settings))).toEqual([
    `${key} leads users to sg's own address, past crossborder:sites.sg.tencent.accelerator.`,
  ]);
  expect(warnings(parseSettings({ ...settings, traffic: "off" }))).toEqual([]);
});
