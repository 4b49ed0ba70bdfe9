import { readdirSync, readFileSync } from "node:fs";
import * as path from "node:path";
import { parse } from "yaml";
import { PLAIN_NAME, LONGEST_STACK } from "../../../components/sites/naming";
import { overlap } from "../../../settings/ipv4";
import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import type { Settings } from "../../../settings/schema";
import { pairs } from "../../../settings/sites";
import { privateKey } from "./fixtures";

const root = path.join(__dirname, "../../..");
const stacks = readdirSync(root).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []);

/** The settings of a committed stack file, with the secret that isn't in it. */
function settingsOf(stack: string): Settings {
  const { config } = parse(readFileSync(path.join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: Record<string, unknown>;
  };
  const raw = Object.entries(config).map(([key, value]) => [key.replace(/^crossborder:/, ""), value]);
  return parseSettings({ ...Object.fromEntries(raw), sshPrivateKey: privateKey });
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
