import { schemaFile } from "../../../toolchain/sdk/generate";
import { PackageSchema, schemaInFile } from "../../../toolchain/standIns/packageSchema";

const schema = new PackageSchema(schemaInFile(schemaFile));
const route = "tencentcloud:index/routeTableEntry:RouteTableEntry";
const rules = "tencentcloud:index/securityGroupRuleSet:SecurityGroupRuleSet";
const valid = { destinationCidrBlock: "10.0.0.0/8", nextHub: "0", nextType: "EIP", routeTableId: "rtb-1" };

test("inputs that a provider takes have no problems", () => {
  expect(schema.problems(route, { ...valid, disabled: false, description: undefined })).toEqual([]);
  expect(schema.problems("pulumi:providers:tencentcloud", { region: "ap-singapore" })).toEqual([]);
});

test.each<[string, string, Record<string, unknown>, string]>([
  ["a missing one", route, { ...valid, nextHub: undefined }, `${route} lacks nextHub`],
  ["an unknown one", route, { ...valid, nextHop: "0" }, `${route} has no nextHop`],
  ["a wrong type", route, { ...valid, disabled: "no" }, `${route}.disabled is a string, and no boolean`],
  [
    "no list",
    rules,
    { securityGroupId: "sg", ingresses: {} },
    `${rules}.ingresses is an object, and no list`,
  ],
  [
    "one inside of another",
    rules,
    { securityGroupId: "sg", ingresses: [{ action: "ACCEPT", ports: "22" }] },
    `${rules}.ingresses[0] has no ports`,
  ],
])("%s is told", (_, type, inputs, problem) => {
  expect(schema.problems(type, inputs)).toEqual([problem]);
});

test("a resource that the package doesn't have is an error", () => {
  expect(() => schema.problems("tencentcloud:index/nothing:Nothing", {})).toThrow("has no resource");
});
