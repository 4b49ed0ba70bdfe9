import type { HostOutput } from "../../../outputs/contract";
import { placeOf, type Standing, type Steps, stepsFor } from "../../../replace/plan";
import { unproven } from "../../../replace/proof";
import type { LinkStatus } from "../../../providers/probes/status";
import { parseSettings } from "../../../settings/parse";
import type { ConnectedSettings } from "../../../settings/load";
import { connectionTo } from "../components/fixtures";
import { tencentSettings, validSettings } from "../settings/fixtures";

type Site = Record<string, unknown>;

function settingsOf(set: { la?: Site; sg?: Site } = {}): ConnectedSettings {
  const raw = validSettings() as { sites: Record<"la" | "sg", Site> };
  const sites = { la: { ...raw.sites.la, ...set.la }, sg: { ...raw.sites.sg, ...set.sg } };
  return {
    ...parseSettings({ ...raw, sites }),
    connections: { "la-gw1": connectionTo("la-gw1"), "sg-gw1": connectionTo("sg-gw1") },
  };
}

function deployed(machines: { la?: number; sg?: number } = {}): HostOutput[] {
  return (["la", "sg"] as const).map((site) => ({
    name: `${site}-gw1`,
    connection: connectionTo(site),
    machine: machines[site] ?? 1,
    outOfService: false,
    components: [],
  }));
}

function steps(standing: Standing, settings: ConnectedSettings, hosts = deployed(), host = "sg-gw1"): Steps {
  return stepsFor(placeOf(settings, host, hosts), standing, settings, hosts);
}

const number = "crossborder:sites.sg.machines.gw1";
const outOfService = "crossborder:sites.sg.outOfService";

test("a host is one of the settings'", () => {
  expect(placeOf(settingsOf(), "sg-gw1", deployed())).toMatchObject({
    site: "sg",
    gateway: "gw1",
    machine: 1,
  });
  expect(() => placeOf(settingsOf(), "sg-gw7", deployed())).toThrow(
    "sg-gw7 is no host of the stack; its hosts are la-gw1, sg-gw1",
  );
});

test("an empty machine gets the next number, and its site is in service again", () => {
  expect(steps("empty", settingsOf())).toMatchObject({
    changes: [{ path: number, value: 2 }],
    deploys: true,
  });
  expect(steps("empty", settingsOf({ sg: { outOfService: true } })).changes).toEqual([
    { path: number, value: 2 },
    { path: outOfService },
  ]);
});

test("numbers are counted over both sites, so that the later machine has the higher one", () => {
  const settings = settingsOf({ la: { machines: { gw1: 5 } } });
  expect(steps("empty", settings, deployed({ la: 5 })).changes).toEqual([{ path: number, value: 6 }]);
});

test("an interrupted replacement goes on, whatever is on the machine by now", () => {
  const settings = settingsOf({ sg: { machines: { gw1: 2 }, outOfService: true } });
  for (const standing of ["empty", "other", "as deployed"] as const) {
    expect(steps(standing, settings)).toMatchObject({ changes: [{ path: outOfService }], deploys: true });
  }
});

test("a machine with everything on it is proven again, and not touched", () => {
  expect(steps("as deployed", settingsOf(), deployed({ sg: 1 }))).toMatchObject({
    changes: [],
    deploys: false,
  });
});

test.each([
  ["something else is on it", "other", {}, "run `npm run pulumi -- up`"],
  ["it is the host as it was", "as deployed", { outOfService: true }, `take ${outOfService} away and run`],
] as const)("it is refused when %s", (_, standing, sg, advice) => {
  expect(() => steps(standing, settingsOf({ sg }))).toThrow("sg-gw1 isn't empty");
  expect(() => steps(standing, settingsOf({ sg }))).toThrow(advice);
});

test("a host that nothing was ever deployed to is none that was lost", () => {
  expect(() => steps("empty", settingsOf(), [deployed()[0]!])).toThrow("sg-gw1 was never deployed");
});

describe("what is not proven", () => {
  const gateway = (vrrp: string, role: string) => ({ vrrp, role, pin: null, well: { proxy: true } });
  const status = (set: object): LinkStatus =>
    ({
      link: { state: "up" },
      backup: { la: { state: "standby" }, sg: { state: "held" } },
      ha: { vip: "10.0.0.100", gateways: { la: gateway("MASTER", "serve"), sg: gateway("BACKUP", "proxy") } },
      postgres: { state: "up" },
      ...set,
    }) as unknown as LinkStatus;

  test("is nothing when link, backup path, pair and replication are in order, or aren't there", () => {
    expect(unproven(status({}))).toEqual([]);
    expect(unproven(status({ backup: null, ha: null, postgres: null }))).toEqual([]);
  });

  test("is named, each by itself", () => {
    const ha = {
      vip: "10.0.0.100",
      gateways: { la: gateway("MASTER", "serve"), sg: gateway("MASTER", "serve") },
    };
    expect(
      unproven(
        status({
          link: { state: "down" },
          backup: { la: { state: "down" } },
          ha,
          postgres: { state: "degraded" },
        }),
      ),
    ).toEqual([
      "the link is down",
      "the backup path of la is down",
      "the pair is not in order",
      "replication is degraded",
    ]);
  });
});

describe("a host that a cloud made", () => {
  const cloud = (sg: Site = {}): ConnectedSettings => {
    const raw = tencentSettings() as { sites: Record<"la" | "sg", Site> };
    const sites = { ...raw.sites, sg: { ...raw.sites.sg, ...sg } };
    return { ...parseSettings({ ...raw, sites }), connections: { "la-gw1": connectionTo("la-gw1") } };
  };
  const stepsInCloud = (standing: Standing, sg: Site = {}, newDisk = false, hosts = deployed()): Steps => {
    const settings = cloud(sg);
    return stepsFor(placeOf(settings, "sg-gw1", hosts), standing, settings, hosts, newDisk);
  };

  test("is reached as the last deployment left it", () => {
    expect(placeOf(cloud(), "sg-gw1", deployed())).toMatchObject({
      made: true,
      connection: connectionTo("sg"),
    });
    expect(placeOf(cloud(), "la-gw1", deployed())).toMatchObject({
      made: false,
      connection: connectionTo("la-gw1"),
    });
  });

  test("is made anew when nobody answers with its key, and the operator gave up its disk", () => {
    expect(() => stepsInCloud("lost", { outOfService: true })).toThrow("Say so with --new-disk");
    expect(stepsInCloud("lost", { outOfService: true }, true)).toEqual({
      releases: true,
      changes: [{ path: number, value: 2 }, { path: outOfService }],
      deploys: true,
      meaning: "sg-gw1 is machine 2 from now on",
    });
  });

  test.each(["empty", "other"] as const)(
    "is not made anew while it answers with its key, %s or not, whatever is said of its disk",
    (standing) => {
      expect(() => stepsInCloud(standing, {}, true)).toThrow(
        /isn't lost.*stop its machine in the cloud's console/,
      );
    },
  );

  test("is proven again when it has everything", () => {
    expect(stepsInCloud("as deployed", {}, true)).toMatchObject({ releases: false, deploys: false });
  });

  test("goes on where it stopped, and what stands by then is not given up", () => {
    expect(stepsInCloud("lost", { machines: { gw1: 2 } })).toMatchObject({ releases: false, deploys: true });
  });
});
