import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import {
  complaints,
  countByType,
  plannedResources,
  type Preview,
  renderPlan,
} from "../../../toolchain/plan/plan";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";
import { runCommand } from "../../support/checkoutCommand";
import { withAllSettings } from "../../support/stackFile";

jest.setTimeout(900_000);

let stack: TemporaryStack;

beforeAll(async () => {
  stack = await createTemporaryStack(join(root, "Pulumi.prod.yaml"));
});
afterAll(() => stack.remove());

/** What a preview of a stack would make in clouds, by what the clouds know it by: its type and its name there. */
function namesInClouds(preview: Preview): string[] {
  const NAMES = ["name", "instanceName", "keyName", "accountId", "snapshotPolicyName"];
  return plannedResources(preview).flatMap(({ type, inputs = {} }) =>
    /^(gcp|tencentcloud):/.test(type)
      ? NAMES.flatMap((key) => (inputs[key] ? [`${type} ${inputs[key]}`] : []))
      : [],
  );
}

test("the plan of production: every resource in both clouds, with what it is given, and no secret", async () => {
  const { status, stdout, stderr } = await stack.pulumi("preview", "--json");
  const preview = JSON.parse(stdout) as Preview;
  expect({ status, stderr: status === 0 ? "" : stderr, complaints: complaints(preview) }).toEqual({
    status: 0,
    stderr: "",
    complaints: [],
  });
  const inClouds = Object.entries(countByType(preview)).filter(([type]) => /^(gcp|tencentcloud):/.test(type));
  expect(Object.fromEntries(inClouds)).toEqual({
    "gcp:compute/address:Address": 1,
    "gcp:compute/disk:Disk": 1,
    "gcp:compute/diskResourcePolicyAttachment:DiskResourcePolicyAttachment": 1,
    "gcp:compute/firewall:Firewall": 6,
    "gcp:compute/instance:Instance": 1,
    "gcp:compute/network:Network": 1,
    "gcp:compute/resourcePolicy:ResourcePolicy": 1,
    "gcp:compute/route:Route": 1,
    "gcp:compute/subnetwork:Subnetwork": 1,
    "gcp:serviceaccount/account:Account": 1,
    "tencentcloud:index/cbsSnapshotPolicy:CbsSnapshotPolicy": 1,
    "tencentcloud:index/cbsSnapshotPolicyAttachment:CbsSnapshotPolicyAttachment": 1,
    "tencentcloud:index/eip:Eip": 1,
    "tencentcloud:index/eipAssociation:EipAssociation": 1,
    "tencentcloud:index/instance:Instance": 1,
    "tencentcloud:index/keyPair:KeyPair": 1,
    "tencentcloud:index/placementGroup:PlacementGroup": 1,
    "tencentcloud:index/routeTable:RouteTable": 1,
    "tencentcloud:index/routeTableEntry:RouteTableEntry": 1,
    "tencentcloud:index/securityGroup:SecurityGroup": 1,
    "tencentcloud:index/securityGroupRuleSet:SecurityGroupRuleSet": 1,
    "tencentcloud:index/subnet:Subnet": 1,
    "tencentcloud:index/vpc:Vpc": 1,
  });
  const plan = renderPlan(preview);
  for (const line of [
    "machineType: n2-standard-4",
    "instanceType: S5.LARGE8",
    "cidrBlock: (of la-gw1-address), port: 500,4500, protocol: UDP",
    "sourceRanges: [(of sg-gw1-address)]",
    "nextHopInstance: (of la-gw1-instance)",
    "nextHub: 10.20.0.2",
  ]) {
    expect(plan).toContain(line);
  }
  expect(plan).not.toContain("PRIVATE KEY");
  expect(stdout).not.toContain(stack.privateKey.split("\n")[1]);
});

test("staging stands beside production: in no cloud do two things ask for one name", async () => {
  const staging = await createTemporaryStack(join(root, "Pulumi.staging.yaml"));
  try {
    const [prod, beside] = await Promise.all(
      [stack, staging].map(async (one) => {
        const { status, stdout, stderr } = await one.pulumi("preview", "--json");
        const preview = JSON.parse(stdout) as Preview;
        expect({ status, said: status === 0 ? "" : stderr, complaints: complaints(preview) }).toEqual({
          status: 0,
          said: "",
          complaints: [],
        });
        return namesInClouds(preview);
      }),
    );
    expect(prod!.length).toBeGreaterThan(20);
    expect(beside!.length).toBeGreaterThan(8);
    expect(beside!.filter((name) => prod!.includes(name))).toEqual([]);
  } finally {
    staging.remove();
  }
});

test("npm run prod:preview prints the plan of a file, here of production's with all that is commented out there", async () => {
  const directory = mkdtempSync(join(tmpdir(), "crossborder-plan-"));
  const file = join(directory, "Pulumi.prod.yaml");
  writeFileSync(file, withAllSettings(readFileSync(join(root, "Pulumi.prod.yaml"), "utf8")));
  try {
    const { status, stdout, stderr } = await runCommand(["prod:preview", file]);
    expect({ status, said: status === 0 ? "" : stderr }).toEqual({ status: 0, said: "" });
    // What is allowed and not all that it seems is said.
    expect(stderr).toContain("past crossborder:sites.sg.tencent.accelerator");
    for (const line of [
      "The plan of the stack prod, with stand-ins for the clouds. Nothing was made.",
      "   1  gcp:dns/recordSet:RecordSet",
      "   1  gcp:compute/healthCheck:HealthCheck",
      "   1  tencentcloud:index/ga2GlobalAccelerator:Ga2GlobalAccelerator",
      "  traffic-record  (protected)",
      "name: app.example.com.",
      "accelerateRegion: ap-jakarta",
      "machineType: n2-standard-4",
    ]) {
      expect(stdout).toContain(line);
    }
    expect(stdout).not.toContain("PRIVATE KEY");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
