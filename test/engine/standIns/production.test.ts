import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { complaints, countByType, type Preview, renderPlan } from "../../../toolchain/plan/plan";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";

jest.setTimeout(900_000);

let stack: TemporaryStack;

beforeAll(async () => {
  stack = await createTemporaryStack(join(root, "Pulumi.prod.yaml"));
});
afterAll(() => stack.remove());

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
