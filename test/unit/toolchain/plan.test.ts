import { unknownValue } from "@pulumi/pulumi/runtime/rpc";
import { complaints, countByType, type Preview, renderPlan } from "../../../toolchain/plan/plan";

const urn = (type: string, name: string): string =>
  `urn:pulumi:prod::crossborder::crossborder:index:GcpSite$${type}::${name}`;

function step(
  type: string,
  name: string,
  more: Partial<NonNullable<NonNullable<Preview["steps"]>[number]["newState"]>> = {},
  op = "create",
): NonNullable<Preview["steps"]>[number] {
  return { op, urn: urn(type, name), newState: { type, custom: true, ...more } };
}

const firewall = "gcp:compute/firewall:Firewall";
const preview: Preview = {
  steps: [
    step("pulumi:pulumi:Stack", "crossborder-prod", { custom: false }),
    step("crossborder:index:GcpSite", "la", { custom: false }),
    step(firewall, "la-ssh", { inputs: { name: "prod-la-ssh", sourceRanges: ["192.0.2.0/24"] } }),
    step(firewall, "la-ike", {
      inputs: {
        ...{ name: "prod-la-ike", sourceRanges: [unknownValue], description: "Not told." },
        allows: [{ protocol: "udp", ports: ["500", "4500"] }, { protocol: "icmp" }],
      },
      propertyDependencies: { sourceRanges: [urn("tencentcloud:index/eip:Eip", "sg-address")] },
    }),
    step("gcp:compute/instance:Instance", "la-gw1", {
      protect: true,
      inputs: { tags: ["prod-la"], labels: { a: "b" }, metadata: { key: "the key" }, secret: "[secret]" },
    }),
    step("tencentcloud:index/vpc:Vpc", "sg", { inputs: { tags: { a: "b" }, cidrBlock: unknownValue } }),
    step("command:remote:Command", "la-link", { inputs: { create: "a script" } }),
    step("command:remote:Command", "la-gone", {}, "delete"),
  ],
};

test("a plan counts types, and tells of clouds' resources what they are given", () => {
  expect(renderPlan(preview)).toBe(`5 resources:
   1  command:remote:Command
   2  gcp:compute/firewall:Firewall
   1  gcp:compute/instance:Instance
   1  tencentcloud:index/vpc:Vpc

1 components that they are parts of:
   1  crossborder:index:GcpSite

command:remote:Command
  la-link

gcp:compute/firewall:Firewall
  la-ike
      name: prod-la-ike
      sourceRanges: [(of sg-address)]
      allows:
        - { protocol: udp, ports: [500, 4500] }
        - { protocol: icmp }
  la-ssh
      name: prod-la-ssh
      sourceRanges: [192.0.2.0/24]

gcp:compute/instance:Instance
  la-gw1  (protected)
      tags: [prod-la]

tencentcloud:index/vpc:Vpc
  sg
      cidrBlock: (later)
`);
  expect(countByType(preview)).toMatchObject({ [firewall]: 2, "crossborder:index:GcpSite": 1 });
});

test("complaints are errors and warnings, not where plugins were found", () => {
  expect(
    complaints({
      diagnostics: [
        { severity: "warning", message: "warning: using pulumi-resource-gcp from $PATH at /x\n" },
        { severity: "warning", message: "warning: the budget is wide\n" },
        { severity: "info#err", message: "by the way" },
        { severity: "error", message: "it has no nextHop", urn: urn(firewall, "la-ike") },
      ],
    }),
  ).toEqual(["warning: the budget is wide", "la-ike: it has no nextHop"]);
});
