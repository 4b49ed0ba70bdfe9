import { pulumiEnvironment } from "../../../toolchain/pulumi";
import { standInShims } from "../../../toolchain/shims";
import { createProject, type PulumiProject } from "../../support/pulumiProject";

jest.setTimeout(600_000);

let project: PulumiProject;

beforeAll(async () => {
  const { PATH } = await pulumiEnvironment();
  project = await createProject({ PATH: `${standInShims()}:${PATH}` });
});
afterAll(() => project.remove());

const subnet = `new (require("@pulumi/gcp").compute.Subnetwork)("it", inputs);`;
const entry = `new (require("@pulumi/tencentcloud").RouteTableEntry)("it", inputs);`;
const subnetInputs = { ipCidrRange: "10.10.0.0/24", network: "a-network" };
const entryInputs = {
  destinationCidrBlock: "10.10.0.0/24",
  nextHub: "0",
  nextType: "EIP",
  routeTableId: "r",
};

// The packages' own constructors pass on the properties that they know and no others, but look into none of them.
test.each<[string, string, object, string]>([
  [
    "Google an unknown property",
    subnet,
    { ...subnetInputs, logConfig: { sampling: 0.1 } },
    "gcp:compute/subnetwork:Subnetwork.logConfig has no sampling",
  ],
  [
    "Google the lack of a required one",
    subnet,
    { ...subnetInputs, secondaryIpRanges: [{ ipCidrRange: "10.11.0.0/24" }] },
    "gcp:compute/subnetwork:Subnetwork.secondaryIpRanges[0] lacks rangeName",
  ],
  [
    "Tencent a wrong type",
    entry,
    { ...entryInputs, disabled: "no" },
    "tencentcloud:index/routeTableEntry:RouteTableEntry.disabled is a string, and no boolean",
  ],
])("the stand-in refuses for %s", async (_, program, inputs, reason) => {
  const { status, stdout, stderr } = await project.preview(program, inputs);
  expect(status).not.toBe(0);
  expect(stdout + stderr).toContain(reason);
});

test("what the providers take is planned, and made", async () => {
  const both = `const subnet = ${subnet.replace('"it", inputs', '"la", inputs.subnet')}
    ${entry.replace('"it", inputs', '"sg", inputs.entry')}
    exports.link = subnet.selfLink;`;
  const inputs = { subnet: { ...subnetInputs, name: "it", project: "p", region: "r" }, entry: entryInputs };
  expect(await project.up(both, inputs)).toMatchObject({ status: 0 });
  expect((await project.outputs())["link"]).toBe(
    "https://www.googleapis.com/compute/v1/projects/p/regions/r/subnetworks/it",
  );
  const again = await project.preview(both, inputs);
  expect((JSON.parse(again.stdout) as { changeSummary: object }).changeSummary).toEqual({ same: 3 });
});
