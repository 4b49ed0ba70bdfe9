import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { createProject, type PulumiProject } from "../../support/pulumiProject";

jest.setTimeout(900_000);

/** Something that is protected, and what depends on it and isn't: a machine, and what was installed there. */
const program = `
const { protectFromDestruction } = require("tsx/cjs/api").require(inputs.module, __filename);
const machine = new random.RandomBytes("machine", { length: 8 }, { protect: inputs.protect });
const installed = new random.RandomBytes("installed", { length: 8 }, { dependsOn: machine });
const settings = { protect: inputs.protect, traffic: "off", sites: { la: { gcp: {} } } };
protectFromDestruction(settings, [machine, installed, undefined]);
`;
const inputs = (protect: boolean): object => ({ protect, module: join(root, "components/protection.ts") });

let project: PulumiProject;

beforeAll(async () => {
  project = await createProject();
});
afterAll(() => project.remove());

async function names(): Promise<string[]> {
  const { deployment } = JSON.parse(await project.state()) as {
    deployment: { resources?: { type: string; urn: string }[] };
  };
  return (deployment.resources ?? []).flatMap(({ type, urn }) =>
    type.startsWith("random:") || type.endsWith(":Stash") ? [urn.split("::").at(-1)!] : [],
  );
}

test("a protected stack refuses its destruction before anything is touched, also without a preview", async () => {
  expect(await project.up(program, inputs(true))).toMatchObject({ status: 0 });
  const before = await names();
  expect(before).toEqual(["machine", "installed", "protection"]);

  const refused = await project.destroy();
  expect(refused.status).not.toBe(0);
  expect(refused.stdout + refused.stderr).toMatch(/::protection\\?" cannot be deleted/);
  expect(await names()).toEqual(before);

  expect(await project.up(program, inputs(false))).toMatchObject({ status: 0 });
  expect(await project.destroy()).toMatchObject({ status: 0 });
  expect(await names()).toEqual([]);
});
