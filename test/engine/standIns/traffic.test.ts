import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { complaints, countByType, type Preview, renderPlan } from "../../../toolchain/plan/plan";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";

jest.setTimeout(900_000);

/** No machine stands at the addresses that stand-ins give: what would connect to one is left out. */
const PARTS = ["--exclude", "**-identity", "--exclude-dependents"];

let stack: TemporaryStack;

async function succeeding(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await stack.pulumi(...args);
  expect({ args, status, said: status === 0 ? "" : stdout + stderr }).toEqual({ args, status: 0, said: "" });
  return stdout;
}

async function set(settings: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, value] of Object.entries(settings)) {
    await succeeding("config", "set", "--path", `crossborder:traffic.${key}`, value);
  }
}

async function planned(...args: string[]): Promise<Preview> {
  return JSON.parse(await succeeding("preview", "--json", ...args)) as Preview;
}

beforeAll(async () => {
  stack = await createTemporaryStack(join(root, "Pulumi.prod.yaml"));
  await set({ zone: "example-com", name: "app.example.com", "check.protocol": "https" });
});
afterAll(() => stack.remove());

test("the plan of production with users: a record, a health check, and the users' port", async () => {
  const preview = await planned();
  expect(complaints(preview)).toEqual([]);
  expect(countByType(preview)).toMatchObject({
    "gcp:compute/healthCheck:HealthCheck": 1,
    "gcp:dns/recordSet:RecordSet": 1,
  });
  const plan = renderPlan(preview);
  for (const line of [
    "name: app.example.com.",
    "sourceRanges: [0.0.0.0/0]",
    "cidrBlock: 0.0.0.0/0, port: 443, protocol: TCP",
    "sourceRegions: [us-central1, europe-west1, asia-southeast1]",
  ]) {
    expect(plan).toContain(line);
  }
});

test("a drain is one change of the record, in a stack that stands", async () => {
  await succeeding("up", "--yes", "--skip-preview", ...PARTS);
  await set({ drain: "sg" });
  const { steps = [] } = await planned(...PARTS);
  expect(
    steps.filter(({ op }) => op !== "same").map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`),
  ).toEqual(["update traffic-record"]);
  await succeeding("up", "--yes", "--skip-preview", ...PARTS);
  const { deployment } = JSON.parse(await succeeding("stack", "export")) as {
    deployment: { resources: { urn: string; outputs?: Record<string, unknown> }[] };
  };
  const outputs = (name: string): Readonly<Record<string, unknown>> =>
    deployment.resources.find(({ urn }) => urn.endsWith(`::${name}`))?.outputs ?? {};
  expect(outputs("traffic-record")["routingPolicy"]).toEqual({
    healthCheck: expect.stringContaining("prod-users") as string,
    enableGeoFencing: false,
    geos: [
      {
        location: "us-west2",
        healthCheckedTargets: { externalEndpoints: [outputs("la-gw1-address")["address"]] },
      },
    ],
  });
});
