import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";

jest.setTimeout(900_000);

let stack: TemporaryStack;
beforeAll(async () => {
  stack = await createTemporaryStack(join(root, "Pulumi.prod.yaml"));
});
afterAll(() => stack.remove());

/** Runs `npm run policy -- prod` about the stack. */
function policy(): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, ["toolchain/run.mjs", "policy", "prod"], {
    cwd: root,
    env: stack.environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => (said += data.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, said }));
  });
}

test("production, as its example file has it, violates no policy", async () => {
  const { status, said } = await policy();
  expect(said).toMatch(/stack prod \(production\): all \d+ rules hold/);
  expect(status).toBe(0);
});

test("production that isn't protected does, and each resource is named", async () => {
  const { status: set } = await stack.pulumi("config", "set", "crossborder:protect", "false");
  expect(set).toBe(0);
  const { status, said } = await policy();
  for (const name of [
    "la-gw1-address",
    "la-gw1-disk",
    "la-gw1-instance",
    "sg-gw1-address",
    "sg-gw1-instance",
  ]) {
    expect(said).toMatch(new RegExp(`${name} \\(\\S+\\): its option protect is false`));
  }
  expect(said).toContain("stack prod: the plan violates a rule, or there is none; see above");
  expect(status).toBe(1);
});
