import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { PLAIN_NAME, LONGEST_STACK } from "../../../components/sites/naming";
import { overlap } from "../../../settings/ipv4";
import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import type { Settings } from "../../../settings/schema";
import { pairs } from "../../../settings/sites";
import { withAllSettings } from "../../support/stackFile";
import { errorsOf, privateKey } from "./fixtures";

const root = path.join(__dirname, "../../..");
const stacks = readdirSync(root).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []);

const textOf = (stack: string): string => readFileSync(path.join(root, `Pulumi.${stack}.yaml`), "utf8");

/** The settings in a stack file, with the secret that isn't in it. */
function rawSettings(text: string): Record<string, unknown> {
  const { config } = parse(text) as { config: Record<string, unknown> };
  const raw = Object.entries(config).map(([key, value]) => [key.replace(/^crossborder:/, ""), value]);
  return { ...(Object.fromEntries(raw) as Record<string, unknown>), sshPrivateKey: privateKey };
}

/** The settings of a committed stack file. */
function settingsOf(stack: string): Settings {
  return parseSettings(rawSettings(textOf(stack)));
}

/** The environments that may run side by side. The lab's networks are inside one computer. */
const environments = stacks.filter((stack) => stack !== "lab");

test("there are examples of production and of staging", () => {
  expect(environments).toEqual(expect.arrayContaining(["prod", "staging"]));
});

test.each(stacks)("Pulumi.%s.yaml is valid, and nothing in it is unwise", (stack) => {
  expect(warnings(settingsOf(stack))).toEqual([]);
  expect(stack).toMatch(PLAIN_NAME);
  expect(stack.length).toBeLessThanOrEqual(LONGEST_STACK);
});

test("what is commented out in production's file is valid as it stands there", () => {
  const { traffic, sites } = parseSettings(rawSettings(withAllSettings(textOf("prod"))));
  expect(traffic).toMatchObject({ zone: "example-com", name: "app.example.com", port: 443 });
  expect(sites["sg"]!.tencent).toMatchObject({
    publicPorts: [443],
    accelerator: { areas: [{ region: "ap-jakarta" }], ports: [443] },
  });
});

test("another pair of regions is a change of settings, and a half one is refused", () => {
  const raw = rawSettings(textOf("prod"));
  const { la, sg } = raw["sites"] as Record<string, Record<string, object>>;
  const moved = (coordinates: Record<"la" | "sg", object>): Record<string, unknown> => ({
    ...raw,
    sites: {
      la: {
        ...{ ...la, coordinates: coordinates.la },
        gcp: { ...la!["gcp"], region: "europe-west4", zones: ["europe-west4-b"] },
      },
      sg: {
        ...{ ...sg, coordinates: coordinates.sg },
        tencent: { ...sg!["tencent"], region: "ap-tokyo", zone: "ap-tokyo-2" },
      },
    },
    gate: { budgetMs: 240 },
  });
  const places = { la: { latitude: 52.37, longitude: 4.9 }, sg: { latitude: 35.69, longitude: 139.69 } };
  expect(warnings(parseSettings(moved(places)))).toEqual([]);
  expect(errorsOf(moved({ la: la!["coordinates"]!, sg: sg!["coordinates"]! }))).toEqual([
    "crossborder:sites.la.coordinates are 34.05, -118.24, which is 8944 km from the region europe-west4; " +
      "they must be the region's own, about 53.44, 6.84: they tell how fast light can be.",
    "crossborder:sites.sg.coordinates are 1.35, 103.82, which is 5315 km from the region ap-tokyo; " +
      "they must be the region's own, about 35.69, 139.69: they tell how fast light can be.",
  ]);
});

test("the examples share no range, autonomous system, address or project", () => {
  const all = environments.map(settingsOf);
  const pick = <T>(what: (settings: Settings) => T[]): T[] => all.flatMap(what);
  const ranges = pick(({ sites, link }) => [link.network, ...Object.values(sites).map(({ cidr }) => cidr)]);
  expect(pairs(ranges).filter(([one, other]) => overlap(one, other))).toEqual([]);
  for (const values of [
    pick(({ sites }) => Object.values(sites).map(({ asn }) => asn)),
    pick(({ sites }) => Object.values(sites).flatMap(({ publicAddress }) => publicAddress ?? [])),
    pick(({ sites }) => Object.values(sites).flatMap(({ gcp }) => gcp?.project ?? [])),
  ]) {
    expect(new Set<unknown>(values).size).toBe(values.length);
  }
});

test("production is protected and copied every day, staging isn't", () => {
  const [prod, staging] = ["prod", "staging"].map(settingsOf);
  expect([prod!.protect, staging!.protect]).toEqual([true, false]);
  expect(prod!.sites["la"]!.gcp!.snapshots).not.toBe("off");
});

test("production's site in Los Angeles is what its requirement names", () => {
  expect(settingsOf("prod").sites["la"]!.gcp).toMatchObject({
    region: "us-west2",
    machineType: "n2-standard-4",
    image: "ubuntu-os-cloud/ubuntu-2204-lts",
    disk: { type: "pd-ssd", sizeGb: 100 },
  });
});

test("production's site in Singapore is what its requirement names, on a system that is looked after", () => {
  expect(settingsOf("prod").sites["sg"]!.tencent).toMatchObject({
    region: "ap-singapore",
    instanceType: "S5.LARGE8",
    os: "rocky9",
    disk: { type: "CLOUD_SSD", sizeGb: 100 },
    address: { kind: "EIP" },
  });
  expect(settingsOf("prod").sites["sg"]!.tencent!.snapshots).not.toBe("off");
});
