import { parseSettings, SettingsError } from "../../../settings/parse";
import { rawServices } from "../backup/fixtures";
import { validSettings } from "./fixtures";

const services = rawServices;

function errorsOf(set: Record<string, unknown>): readonly string[] {
  try {
    parseSettings({ ...validSettings(), services, backup: {}, ...set });
  } catch (error) {
    if (error instanceof SettingsError) return error.errors;
    throw error;
  }
  return [];
}

test("there is no pair by default; one has the defaults that are promised", () => {
  expect(parseSettings(validSettings()).ha).toBe("off");
  expect(parseSettings({ ...validSettings(), services, backup: {}, ha: {} }).ha).toEqual({
    vip: "10.0.0.100",
    policy: "both-serve",
    virtualRouterId: 51,
    priorities: { primary: 100, secondary: 90 },
    advertIntervalSeconds: 1,
    settleSeconds: 10,
    drainSeconds: 30,
    statePort: 8851,
  });
});

test.each([0.1, 0.3, 0.07 + 0.03, 1, 2.55, 40])("an interval of %d s is one", (advertIntervalSeconds) => {
  expect(errorsOf({ ha: { advertIntervalSeconds } })).toEqual([]);
});

test.each<[string, Record<string, unknown>, string]>([
  [
    "an address inside a site's range",
    { ha: { vip: "10.10.0.100" } },
    "crossborder:ha.vip is 10.10.0.100; it must lie outside of crossborder:sites.la.cidr, which is 10.10.0.0/24: no site's network owns it.",
  ],
  [
    "an address of the link's network",
    { ha: { vip: "10.255.0.2" } },
    "crossborder:ha.vip is 10.255.0.2; it must lie outside of crossborder:link.network, which is 10.255.0.0/30: no site's network owns it.",
  ],
  [
    "a site's public address",
    { ha: { vip: "203.0.113.10" } },
    "crossborder:ha.vip is 203.0.113.10; it must differ from crossborder:sites.sg.publicAddress.",
  ],
  [
    "an address that is none",
    { ha: { vip: "10.0.0" } },
    'crossborder:ha.vip is "10.0.0"; it must be an IPv4 address such as 198.51.100.10.',
  ],
  [
    "the same priority on both",
    { ha: { priorities: { primary: 100, secondary: 100 } } },
    "crossborder:ha.priorities.secondary is 100, the same as the primary's; it must be lower: one of two has the address.",
  ],
  [
    "a secondary above the primary",
    { ha: { priorities: { primary: 90, secondary: 100 } } },
    "crossborder:ha.priorities.secondary is 100; it must be below crossborder:ha.priorities.primary, which is 90.",
  ],
  [
    "a priority that VRRP has not",
    { ha: { priorities: { primary: 255 } } },
    "crossborder:ha.priorities.primary is 255; it must be a whole number of VRRP's priority from 1 to 254.",
  ],
  [
    "a secondary that findings would take below nothing",
    { ha: { priorities: { primary: 70, secondary: 60 } } },
    "crossborder:ha.priorities.secondary is 60; it must be at least 61: 60 are taken off a gateway that is neither up to date nor able to serve.",
  ],
  [
    "a primary without room for a pin",
    { ha: { priorities: { primary: 180, secondary: 170 } } },
    "crossborder:ha.priorities.primary is 180; it must be at most 174: 80 are added on a side that is pinned, and VRRP ends at 254.",
  ],
  [
    "a router that VRRP has not",
    { ha: { virtualRouterId: 256 } },
    "crossborder:ha.virtualRouterId is 256; it must be a whole number of a VRRP router from 1 to 255.",
  ],
  [
    "an interval that VRRP can't count",
    { ha: { advertIntervalSeconds: 0.125 } },
    "crossborder:ha.advertIntervalSeconds is 0.125; it must be a number of seconds from 0.1 to 40 in whole hundredths, as VRRP counts them.",
  ],
  [
    "a policy that is none",
    { ha: { policy: "coin-toss" } },
    'crossborder:ha.policy is "coin-toss"; it must be one of both-serve, primary-only.',
  ],
  [
    "a pair without the backup path",
    { backup: "off", ha: {} },
    'crossborder:ha is on, but crossborder:backup is "off"; it must be on: what answers at the address is its proxy.',
  ],
  [
    "a service that is none",
    { ha: { services: ["postgres", "mongo"] } },
    "crossborder:ha.services has mongo; it must name services of crossborder:services: postgres, vault.",
  ],
  [
    "no service at all",
    { ha: { services: [] } },
    "crossborder:ha.services is empty; it must name at least one service, or be left out.",
  ],
  [
    "two services at one port of the address",
    { services: { ...services, other: { port: 5432, localPort: 9999 } }, ha: {} },
    "crossborder:services.postgres.port is 5432; at crossborder:ha.vip it must differ from that of other.",
  ],
  [
    "a service at sshd's port",
    { services: { git: { port: 22, localPort: 9922, sites: { la: { address: "10.10.0.7" } } } }, ha: {} },
    "crossborder:services.git.port is 22, which sshd has on every address of a gateway; crossborder:ha.services must leave git out.",
  ],
  [
    "a service with the name of the pair's own",
    { services: { "ha-state": { port: 99 } }, ha: {} },
    "crossborder:services.ha-state has the name of the pair's own service; it must have another.",
  ],
  [
    "a state port that something else has",
    { ha: { statePort: 5432 } },
    "crossborder:ha.statePort + 10000 is 15432; it must differ from the port of crossborder:services.postgres.localPort, on the same gateways.",
  ],
])("%s is refused in one sentence", (_, set, sentence) => {
  expect(errorsOf(set)).toContain(sentence);
});

test("all errors are named at once", () => {
  const errors = errorsOf({
    backup: "off",
    ha: { vip: "10.20.0.1", priorities: { primary: 100, secondary: 100 }, services: ["mongo"] },
  });
  expect(errors.map((error) => error.split(" ")[0])).toEqual([
    "crossborder:ha",
    "crossborder:ha.vip",
    "crossborder:ha.priorities.secondary",
    "crossborder:ha.services",
  ]);
});
