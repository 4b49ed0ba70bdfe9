import { Project } from "./project";

jest.setTimeout(180_000);

const program = `
import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { dynamicProvider } from "./providers/dynamic";

class Thing extends pulumi.dynamic.Resource {
  declare readonly result: pulumi.Output<string>;
  constructor(inputs: { fingerprint: string; key: string }) {
    super(
      dynamicProvider("logic.ts"),
      "thing",
      { ...inputs, key: pulumi.secret(inputs.key), result: undefined },
      { additionalSecretOutputs: ["key"] },
      "test",
      "Thing",
    );
  }
}

export const result = new Thing(JSON.parse(readFileSync("inputs.json", "utf8"))).result;
`;

const logic = (word: string): string => `
export const logic = {
  diff: async (_id, olds, news) => ({ changes: olds.fingerprint !== news.fingerprint }),
  create: async (inputs) => ({ id: "one", outs: { ...inputs, result: "made by ${word}" } }),
  update: async (_id, _olds, inputs) => ({ outs: { ...inputs, result: "updated by ${word}" } }),
  read: async (id, outputs) => ({ id, props: outputs }),
  delete: async () => { throw new Error("removed by ${word}"); },
};
`;

const project = new Project();

afterAll(() => project.remove());

test("logic is loaded when it runs: a change of it is no change of the resource, and takes effect at once", async () => {
  await project.create(program);
  project.write("logic.ts", logic("the first"));
  project.inputs({ fingerprint: "one", key: "s3cret-of-the-test" });
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.outputs()).toEqual({ result: "made by the first" });

  project.write("logic.ts", logic("the second"));
  expect(await project.preview()).toEqual({});
  expect(await project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")).toMatchObject({
    status: 0,
  });

  project.inputs({ fingerprint: "two", key: "s3cret-of-the-test" });
  expect(await project.preview()).toMatchObject({ thing: "update" });
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.outputs()).toEqual({ result: "updated by the second" });

  const state = project.state();
  expect(state).not.toContain("s3cret-of-the-test");
  expect(state).not.toContain("made by the first");
  expect(state).toContain("logic.ts");

  project.write("logic.ts", logic("the third"));
  const destroyed = await project.pulumi("destroy", "--yes", "--skip-preview");
  expect(destroyed.status).not.toBe(0);
  expect(destroyed.stdout + destroyed.stderr).toContain("removed by the third");
});
