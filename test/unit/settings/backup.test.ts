import { parseSettings, SettingsError } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import { validSettings } from "./fixtures";

function errorsOf(set: Record<string, unknown>): readonly string[] {
  try {
    parseSettings({ ...validSettings(), ...set });
  } catch (error) {
    if (error instanceof SettingsError) return error.errors;
    throw error;
  }
  return [];
}

const postgres = { port: 5432 };
const services = { postgres };

test("the backup path is off by default, and has production's timers when it is on", () => {
  expect(parseSettings(validSettings())).toMatchObject({ services: {}, backup: "off" });
  expect(parseSettings({ ...validSettings(), services, backup: {} }).backup).toEqual({
    port: 8443,
    healthCheck: { intervalMs: 500, timeoutMs: 500 },
    drainSeconds: 300,
    hold: { windowSeconds: 60, firstSeconds: 60, maxSeconds: 900 },
  });
});

test.each<[string, Record<string, unknown>, string]>([
  [
    "a backup path without a service",
    { backup: {} },
    "crossborder:backup is on, but crossborder:services is empty; it must name at least one service to carry.",
  ],
  [
    "a health check that takes too long",
    { services, backup: { healthCheck: { timeoutMs: 1500 } } },
    "crossborder:backup.healthCheck.timeoutMs is 1500; it must be a whole number of ms from 100 to 1000.",
  ],
  [
    "a health check that no answer meets",
    { services, backup: { healthCheck: { timeoutMs: 300 } } },
    "crossborder:backup.healthCheck.timeoutMs is 300; it must be at least two round trips of crossborder:gate.budgetMs, 380.",
  ],
  [
    "an ocean too wide for the public way's checks",
    { services, backup: { healthCheck: { timeoutMs: 1000 } }, gate: { budgetMs: 400 } },
    "crossborder:gate.budgetMs is 400; with crossborder:backup on it must be at most 333: a health check of the public way has 1000 ms for 3 round trips.",
  ],
  [
    "a hold that shrinks",
    { services, backup: { hold: { firstSeconds: 90, maxSeconds: 60 } } },
    "crossborder:backup.hold.firstSeconds is 90; it must be at most crossborder:backup.hold.maxSeconds, 60.",
  ],
  [
    "a service's name that no tunnel could ask for",
    { services: { Postgres: postgres } },
    "crossborder:services.Postgres is not allowed as a name; it must be a service's name: 1 to 15 of a-z, 0-9 and -, starting with a letter.",
  ],
  [
    "a service of no site",
    { services: { postgres: { ...postgres, sites: {} } } },
    "crossborder:services.postgres.sites is empty; it must name a site that has the service.",
  ],
  [
    "a service of a site that isn't",
    { services: { postgres: { ...postgres, sites: { fr: {} } } } },
    "crossborder:services.postgres.sites.fr is not a site; it must be one of la, sg.",
  ],
  [
    "a service outside its site",
    { services: { postgres: { ...postgres, sites: { sg: { address: "10.10.0.30" } } } } },
    "crossborder:services.postgres.sites.sg.address is 10.10.0.30; it must be 127.0.0.1 or lie in the site's range 10.20.0.0/24.",
  ],
  [
    "a port that has no second one 10000 above",
    { services: { games: { port: 60000 } } },
    "crossborder:services.games.localPort is missing; it must be given, because port + 10000 is 70000, above 65535.",
  ],
  [
    "two services by one port",
    { services: { one: { port: 1, localPort: 9000 }, two: { port: 2, localPort: 9000 } } },
    "crossborder:services.two.localPort is 9000; it must differ from the port of crossborder:services.one.localPort, on the same gateways.",
  ],
  [
    "a service by the proxy's port",
    { services: { web: { port: 80, localPort: 8443 } }, backup: {} },
    "crossborder:services.web.localPort is 8443; it must differ from the port of crossborder:backup.port, on the same gateways.",
  ],
  [
    "a service by the port at which it runs on the gateway",
    { services: { postgres: { port: 5432, localPort: 5432 } } },
    "crossborder:services.postgres.localPort is 5432; it must differ from the port of crossborder:services.postgres.port, on the same gateways.",
  ],
  [
    "the proxy by BGP's port",
    { services, backup: { port: 179 } },
    "crossborder:backup.port is 179; it must differ from the port of BGP",
  ],
  [
    "the proxy by IKE's port",
    { services, backup: { port: 4500 } },
    "crossborder:backup.port is 4500; it must differ from the port of IKE behind NATs",
  ],
  [
    "the proxy by sshd's port",
    { services, backup: { port: 2222 }, access: { sshFrom: ["192.0.2.0/24"], sshPort: 2222 } },
    "crossborder:backup.port is 2222; it must differ from the port of crossborder:access.sshPort",
  ],
  [
    "a site's service at sshd's port of the gateway",
    {
      services: {
        git: { port: 22, localPort: 9000, listen: "site", sites: { sg: { address: "10.20.0.30" } } },
      },
    },
    "crossborder:services.git.port is 22; with listen: site on sg it must differ from the port of crossborder:access.sshPort, on the same gateway.",
  ],
  [
    "a site's service at the proxy's port",
    {
      services: {
        web: { port: 8443, localPort: 9000, listen: "site", sites: { sg: { address: "10.20.0.30" } } },
      },
      backup: {},
    },
    "crossborder:services.web.port is 8443; with listen: site on sg it must differ from the port of crossborder:backup.port, on the same gateway.",
  ],
  [
    "two of a site's services at one port",
    {
      services: {
        one: { port: 80, localPort: 9001, listen: "site", sites: { sg: {} } },
        two: { port: 80, localPort: 9002, listen: "site", sites: { sg: { address: "10.20.0.30" } } },
      },
    },
    "crossborder:services.two.port is 80; with listen: site on sg it must differ from crossborder:services.one.port.",
  ],
  [
    "a service at the gateway's own address by the port of another",
    {
      services: {
        one: { port: 9000, sites: { sg: { address: "10.20.0.2" } } },
        two: { port: 80, localPort: 9000 },
      },
    },
    "crossborder:services.two.localPort is 9000; it must differ from the port of crossborder:services.one.port, on the same gateways.",
  ],
  [
    "a site's service at the port of one at the gateway's own address",
    {
      services: {
        one: { port: 80, localPort: 9001, sites: { sg: { address: "10.20.0.2" } } },
        two: { port: 80, localPort: 9002, listen: "site", sites: { sg: { address: "10.20.0.30" } } },
      },
    },
    "crossborder:services.two.port is 80; with listen: site on sg it must differ from crossborder:services.one.port.",
  ],
])("%s is refused in one sentence", (_, set, sentence) => {
  expect(errorsOf(set)).toEqual([expect.stringContaining(sentence)]);
});

test("a service elsewhere in its site may have the port by which the gateways serve it", () => {
  const sites = { la: { address: "10.10.0.30" }, sg: { address: "10.20.0.30" } };
  expect(errorsOf({ services: { postgres: { port: 5432, localPort: 5432, sites } }, backup: {} })).toEqual(
    [],
  );
});

test("all errors are named at once", () => {
  const set = { services: { web: { port: 80, localPort: 22, sites: { fr: {} } } }, backup: { port: 22 } };
  expect(errorsOf(set).map((error) => error.split(" ")[0])).toEqual([
    "crossborder:services.web.sites.fr",
    "crossborder:backup.port",
    "crossborder:services.web.localPort",
    "crossborder:services.web.localPort",
  ]);
});

test("services that nothing listens for are a warning", () => {
  expect(warnings(parseSettings({ ...validSettings(), services }))).toEqual([
    'crossborder:services names postgres, but crossborder:backup is "off": no gateway listens for them.',
  ]);
  expect(warnings(parseSettings({ ...validSettings(), services, backup: {} }))).toEqual([]);
});

test("a host on which the proxy doesn't run is refused, with the backup path alone", () => {
  const { sites } = structuredClone(validSettings()) as {
    sites: { sg: { existing: { gateways: { family?: string }[] } } };
  };
  sites.sg.existing.gateways[0]!.family = "centos7";
  expect(errorsOf({ sites })).toEqual([]);
  expect(errorsOf({ sites, services, backup: {} })).toEqual([
    'crossborder:sites.sg.existing.gateways[0].family is "centos7", on which the proxy doesn\'t run; ' +
      "with crossborder:backup it must be debian, ubuntu or rhel.",
  ]);
});
