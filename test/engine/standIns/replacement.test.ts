import { join } from "node:path";
import { release } from "../../../replace/protection";
import { root } from "../../../toolchain/paths";
import { createTemporaryStack, type TemporaryStack } from "../../../toolchain/standIns/temporaryStack";

jest.setTimeout(1_800_000);

const NUMBER = "crossborder:sites.la.machines.gw1";

let stack: TemporaryStack;

beforeAll(async () => {
  stack = await createTemporaryStack(join(root, "Pulumi.prod.yaml"));
});
afterAll(() => stack.remove());

async function pulumi(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await stack.pulumi(...args);
  expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
  return stdout;
}

interface Stored {
  readonly urn: string;
  readonly protect?: boolean;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

async function stored(): Promise<Stored[]> {
  const exported = JSON.parse(await pulumi("stack", "export")) as { deployment: { resources: Stored[] } };
  return exported.deployment.resources;
}

const nameOf = ({ urn }: { urn: string }): string => urn.split("::").at(-1)!;

const locked = (resources: readonly Stored[]): string[] =>
  resources
    .filter(({ protect }) => protect)
    .map(nameOf)
    .sort();

/** Names of what a preview would replace. */
async function replaced(...options: string[]): Promise<{ status: number; names: string[]; said: string }> {
  const { status, stdout, stderr } = await stack.pulumi("preview", "--json", ...options);
  const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
  const names = new Set(steps.filter(({ op }) => op.includes("replace")).map(nameOf));
  return { status, names: [...names].sort(), said: stdout + stderr };
}

test("a host's number has its cloud make another machine, disk and first key, once the protection of these alone is off", async () => {
  // No machine stands at the addresses that stand-ins give: what would connect to one is left out.
  await pulumi("up", "--yes", "--skip-preview", "--exclude", "**-identity", "--exclude-dependents");
  const before = locked(await stored());
  expect(before).toEqual(expect.arrayContaining(["la-gw1-disk", "la-gw1-instance", "la-gw1-address"]));

  await pulumi("config", "set", "--path", NUMBER, "2");
  const refused = await replaced();
  expect(refused.status).not.toBe(0);
  expect(refused.said).toMatch(/unable to replace resource .*la-gw1-(disk|instance)/);
  await pulumi("config", "rm", "--path", NUMBER);

  await release("la-gw1", {
    run: (...args) => stack.pulumi(...args),
    state: () => pulumi("stack", "export"),
  });
  const after = await stored();
  const unlocked = ["la-gw1-disk", "la-gw1-instance"];
  expect(locked(after)).toEqual(before.filter((name) => !unlocked.includes(name)));
  const instance = after.find((one) => nameOf(one) === "la-gw1-instance")!;
  expect(instance.outputs!["deletionProtection"]).toBe(false);
  expect(await pulumi("config", "get", "crossborder:protect")).toBe("true\n");

  await pulumi("config", "set", "--path", NUMBER, "2");
  expect(await replaced()).toMatchObject({
    status: 0,
    names: ["la-gw1-bootstrap-key", ...unlocked],
  });

  // Another address takes the machine along, not its disk: a machine has to let go of an address before that can go.
  await pulumi("config", "rm", "--path", NUMBER);
  await pulumi("config", "set", "crossborder:protect", "false");
  expect(await replaced("--replace", "**::la-gw1-address")).toMatchObject({
    status: 0,
    names: ["la-gw1-address", "la-gw1-instance"],
  });
});
