import { join } from "node:path";
import { root } from "../../../toolchain/paths";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";
import { runCommand } from "../../support/checkoutCommand";

jest.setTimeout(900_000);

let stack: TemporaryStack;
beforeAll(async () => {
  stack = await createTemporaryStack(join(root, "Pulumi.prod.yaml"));
});
afterAll(() => stack.remove());

/** Runs `npm run policy -- prod` about the stack. */
async function policy(): Promise<{ status: number; said: string }> {
  const { status, stdout, stderr } = await runCommand(["policy", "prod"], stack.environment);
  return { status, said: stdout + stderr };
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
