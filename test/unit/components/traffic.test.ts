import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Site } from "../../../components/sites/site";
import { makeTraffic } from "../../../components/traffic/make";
import { Traffic } from "../../../components/traffic/traffic";
import { trafficOutput } from "../../../outputs/contract";
import { publishTraffic } from "../../../outputs/publish";
import { group } from "../../../policies/inputs";
import { resourceRules } from "../../../policies/rules";
import type { LoadedSettings } from "../../../settings/load";
import { parseSettings } from "../../../settings/parse";
import { gcpSettings } from "../settings/fixtures";
import { named, recordRegistrations, type Registered, valueOf } from "./recorder";

const addresses: Readonly<Record<string, string>> = { la: "198.51.100.10", sg: "203.0.113.10" };

interface Made {
  readonly all: readonly Registered[];
  readonly record: Readonly<Record<string, unknown>>;
  readonly output: unknown;
}

/** The users' traffic with these settings, and the sites with these beside their own. */
async function made(
  set: Record<string, unknown> = {},
  sites: Record<string, Record<string, unknown>> = {},
  more: Record<string, unknown> = {},
): Promise<Made> {
  const registrations = await recordRegistrations();
  const raw = gcpSettings();
  const own = raw["sites"] as Record<string, Record<string, unknown>>;
  const settings = {
    ...parseSettings({
      ...raw,
      sites: Object.fromEntries(
        Object.entries(own).map(([name, site]) => [name, { ...site, ...sites[name] }]),
      ),
      traffic: { zone: "example-com", name: "app.example.com", ...set },
      ...more,
    }),
    ...{ stack: "prod", connections: {} },
  } satisfies LoadedSettings;
  const users = makeTraffic(
    settings,
    Object.keys(settings.sites).map(
      (name) => ({ name, publicAddress: pulumi.output(addresses[name]!) }) as unknown as Site,
    ),
  );
  const output = await valueOf(publishTraffic(users, settings));
  const all = await registrations();
  return { all, record: named(all, "traffic-record").inputs, output };
}

test("users go to the nearest site that is well: two locations, each with an address that is checked", async () => {
  const { all, record, output } = await made();
  expect(all.map(({ type, name, parent }) => `${parent}/${name} ${type}`)).toEqual([
    "/traffic crossborder:index:Traffic",
    "traffic/traffic-check gcp:compute/healthCheck:HealthCheck",
    "traffic/traffic-record gcp:dns/recordSet:RecordSet",
  ]);
  expect(record).toEqual({
    project: "my-project",
    managedZone: "example-com",
    name: "app.example.com.",
    type: "A",
    ttl: 60,
    routingPolicy: {
      healthCheck: "traffic-check-id",
      // With a fence, users of a site that isn't well would be left with it.
      enableGeoFencing: false,
      geos: [
        { location: "us-west2", healthCheckedTargets: { externalEndpoints: ["198.51.100.10"] } },
        { location: "asia-southeast1", healthCheckedTargets: { externalEndpoints: ["203.0.113.10"] } },
      ],
    },
  });
  expect(trafficOutput.parse(output)).toEqual({
    ...{ name: "app.example.com", port: 443, ttlSeconds: 60, policy: "nearest", drained: null },
    targets: [
      { site: "la", address: "198.51.100.10", location: "us-west2", share: null },
      { site: "sg", address: "203.0.113.10", location: "asia-southeast1", share: null },
    ],
  });
});

test("a site is well when its users' port is: checked from three continents, twice in a row", async () => {
  const { all } = await made();
  expect(named(all, "traffic-check").inputs).toEqual({
    name: "prod-users",
    project: "my-project",
    description: "Whether a site of stack prod serves users.",
    sourceRegions: ["us-central1", "europe-west1", "asia-southeast1"],
    checkIntervalSec: 30,
    timeoutSec: 5,
    healthyThreshold: 2,
    unhealthyThreshold: 2,
    tcpHealthCheck: { port: 443, portSpecification: "USE_FIXED_PORT" },
  });
});

test.each(["http", "https"])("a check by %s asks for a path, by the users' name", async (protocol) => {
  const { all } = await made({ port: 8080, check: { protocol, path: "/healthz", intervalSeconds: 60 } });
  const { inputs } = named(all, "traffic-check");
  expect(Object.keys(inputs).filter((name) => name.endsWith("HealthCheck"))).toEqual([
    `${protocol}HealthCheck`,
  ]);
  expect(inputs).toMatchObject({
    checkIntervalSec: 60,
    [`${protocol}HealthCheck`]: {
      ...{ port: 8080, portSpecification: "USE_FIXED_PORT" },
      ...{ host: "app.example.com", requestPath: "/healthz" },
    },
  });
});

test("where a site counts as standing can be said", async () => {
  const { record } = await made({ locations: { sg: "asia-southeast2" } });
  expect(record["routingPolicy"]).toMatchObject({
    geos: [{ location: "us-west2" }, { location: "asia-southeast2" }],
  });
});

test("a split is another policy: shares by site, and no places", async () => {
  const { record, output } = await made({ split: { la: 90, sg: 10 } });
  expect(record["routingPolicy"]).toEqual({
    healthCheck: "traffic-check-id",
    wrrs: [
      { weight: 90, healthCheckedTargets: { externalEndpoints: ["198.51.100.10"] } },
      { weight: 10, healthCheckedTargets: { externalEndpoints: ["203.0.113.10"] } },
    ],
  });
  expect(output).toMatchObject({ policy: "split", targets: [{ share: 90 }, { share: 10 }] });
});

test.each([
  ["by place", {}, "geos"],
  ["by shares", { split: { la: 90, sg: 10 } }, "wrrs"],
])("a site that is drained isn't in the record, %s", async (_how, set, items) => {
  const { record, output } = await made({ ...set, drain: "sg" });
  const policy = record["routingPolicy"] as Record<string, unknown>;
  expect(policy[items]).toEqual([
    expect.objectContaining({ healthCheckedTargets: { externalEndpoints: ["198.51.100.10"] } }),
  ]);
  expect(JSON.stringify(record)).not.toContain("203.0.113.10");
  expect(output).toMatchObject({ drained: "sg", targets: [{ site: "la" }] });
});

test("nor is one that is out of service", async () => {
  const { record } = await made({}, { sg: { outOfService: true } });
  expect(JSON.stringify(record)).not.toContain("203.0.113.10");
});

test("the users' name is protected like an address, and lets itself be changed without that", async () => {
  const protects = async (protect: boolean): Promise<readonly string[]> =>
    (await made({}, {}, { protect })).all.filter((one) => one.protect).map(({ name }) => name);
  expect(await protects(true)).toEqual(["traffic-record"]);
  expect(await protects(false)).toEqual([]);
});

test("options of the component reach the engine, and its children the provider", async () => {
  const registrations = await recordRegistrations();
  const { traffic } = parseSettings({
    ...gcpSettings(),
    traffic: { zone: "example-com", name: "app.example.com" },
  });
  if (traffic === "off") throw new Error("it is on");
  const provider = new gcp.Provider("elsewhere");
  const users = new Traffic(
    "users",
    {
      ...{ stack: "prod", project: "my-project", traffic, protect: false },
      targets: [{ site: "la", address: "198.51.100.10", location: "us-west2" }],
    },
    { aliases: [{ name: "people" }], providers: [provider] },
  );
  await valueOf(users.urn);
  const all = await registrations();
  expect(named(all, "users").aliases).toEqual(["people"]);
  expect(named(all, "users-record").provider).toBe("elsewhere");
  expect(named(all, "users-check").provider).toBe("elsewhere");
});

test("what is made violates no policy of production", async () => {
  const { all } = await made();
  const surroundings = { production: true };
  const violations = all.flatMap(({ type, name, inputs, protect }) =>
    resourceRules.flatMap((rule) => rule.check({ type, name, inputs: group(inputs), protect }, surroundings)),
  );
  expect(violations).toEqual([]);
});

test("without a name there is nothing, and Google's package isn't loaded", async () => {
  jest.resetModules();
  jest.doMock("../../../components/traffic/traffic", () => {
    throw new Error("Google's package was loaded");
  });
  const registrations = await recordRegistrations();
  const settings = { ...parseSettings(gcpSettings()), stack: "prod", connections: {} };
  expect(makeTraffic(settings, [])).toBeUndefined();
  expect(await valueOf(publishTraffic(undefined, settings))).toBe("off");
  expect(await registrations()).toEqual([]);
});
