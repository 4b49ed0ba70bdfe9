import { createProject, type PulumiProject } from "../support/pulumiProject";

jest.setTimeout(180_000);

let project: PulumiProject;

beforeEach(async () => {
  project = await createProject();
});

afterEach(() => project.remove());

it("runs a local command through its life, in its directory and with its interpreter", async () => {
  const program = `
    const made = new command.local.Command("made", inputs);
    exports.stdout = made.stdout;`;
  const inputs = {
    create: "created in $(pwd)",
    update: "updated after $PULUMI_COMMAND_STDOUT",
    dir: "/",
    interpreter: ["/bin/sh", "-c", 'eval "echo $0"'],
  };
  expect(await project.up(program, inputs)).toMatchObject({ status: 0 });
  expect(await project.outputs()).toEqual({ stdout: "created in /" });
  await project.up(program, { ...inputs, environment: { CHANGED: "1" } });
  expect(await project.outputs()).toEqual({ stdout: "updated after created in /" });
  expect(await project.destroy()).toMatchObject({ status: 0 });
});

it("leaves the output of a command with only public inputs public", async () => {
  await project.up(
    `exports.stdout = new command.local.Command("made", { create: "echo in the open" }).stdout;`,
  );
  expect(await project.state()).toContain("in the open");
});
