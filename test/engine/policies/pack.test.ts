import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { labDirectory, root } from "../../../toolchain/paths";
import { type PulumiResult, runPulumi } from "../../../toolchain/pulumi";

jest.setTimeout(600_000);

const parent = join(labDirectory, "tmp");
mkdirSync(parent, { recursive: true });
const directory = mkdtempSync(join(parent, "policies-"));

// Components, since the plan needs types and inputs and no provider.
const program = `
const pulumi = require("@pulumi/pulumi");
const random = require("@pulumi/random");
const secret = new random.RandomBytes("later", { length: 4 }).base64;
const known = new Set(["0.0.0.0/0", "192.0.2.0/24"]);
const { resources } = require("./plan.json");
for (const { name, type, inputs, protect } of resources) {
  const sourceRanges = inputs.sourceRanges?.map((range) => (known.has(range) ? range : secret));
  new pulumi.ComponentResource(type, name, { ...inputs, ...(sourceRanges && { sourceRanges }) }, { protect });
}
`;

const labels = { "managed-by": "crossborder", stack: "prod", site: "la", role: "gateway" };
const ssh = (...sourceRanges: string[]) => ({
  name: "ssh",
  type: "gcp:compute/firewall:Firewall",
  inputs: { sourceRanges, allows: [{ protocol: "tcp", ports: ["22"] }] },
});
const address = (protect: boolean) => ({
  name: "address",
  type: "gcp:compute/address:Address",
  inputs: { labels },
  protect,
});
const disk = (encrypt: boolean) => ({
  name: "disk",
  type: "tencentcloud:index/cbsStorage:CbsStorage",
  inputs: { encrypt, tags: encrypt ? labels : {} },
  protect: true,
});

function pulumi(...args: string[]): Promise<PulumiResult> {
  return runPulumi(args, {
    cwd: directory,
    quiet: true,
    env: {
      PULUMI_STACK: "prod",
      PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "of a test",
    },
  });
}

/** Previews a plan with the pack. */
function preview(...resources: object[]): Promise<PulumiResult> {
  writeFileSync(join(directory, "plan.json"), JSON.stringify({ resources }));
  return pulumi("preview", "--policy-pack", join(root, "policies"));
}

beforeAll(async () => {
  mkdirSync(join(directory, "state"));
  writeFileSync(
    join(directory, "Pulumi.yaml"),
    "name: crossborder\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
  writeFileSync(join(directory, "index.js"), program);
  expect(await pulumi("stack", "init", "prod")).toMatchObject({ status: 0 });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("a preview with the pack fails, and names every violation of the plan", async () => {
  // What isn't known yet doesn't hide what is known beside it.
  const { status, stdout, stderr } = await preview(
    ssh("the peer's", "0.0.0.0/0"),
    address(false),
    disk(false),
  );
  const shown = stdout + stderr;
  for (const sentence of [
    "ssh (gcp:compute/firewall:Firewall): sourceRanges is 0.0.0.0/0",
    "address (gcp:compute/address:Address): its option protect is false",
    "disk (tencentcloud:index/cbsStorage:CbsStorage): encrypt is false",
    "disk (tencentcloud:index/cbsStorage:CbsStorage): tags is {}",
  ]) {
    expect(shown).toContain(sentence);
  }
  expect(status).not.toBe(0);
});

test("a preview of a plan that violates nothing passes, with what isn't known yet in it", async () => {
  const { status, stdout, stderr } = await preview(
    ssh("the peer's", "192.0.2.0/24"),
    address(true),
    disk(true),
  );
  expect(stdout + stderr).toMatch(/✅ crossborder@/);
  expect(stdout + stderr).not.toMatch(/\[(mandatory|advisory)\]/);
  expect(status).toBe(0);
});
