import { release } from "../../../replace/protection";

const urn = (name: string): string =>
  `urn:pulumi:prod::crossborder::crossborder:index:GcpSite$a:b:C::${name}`;

/** A stack whose state has these resources, before and after the refresh. */
function stackOf(before: readonly object[], after: readonly object[], failing = "") {
  const ran: string[] = [];
  let refreshed = false;
  return {
    ran,
    run: async (...args: string[]) => {
      ran.push(args.join(" ").replaceAll(urn(""), "…"));
      if (args[0] === "refresh") refreshed = true;
      return { status: args[0] === failing ? 1 : 0, stdout: "", stderr: "the cloud says no" };
    },
    state: async () => JSON.stringify({ deployment: { resources: refreshed ? after : before } }),
  };
}

const locked = (name: string) => ({ urn: urn(name), id: "1", protect: true });
const all = ["la-gw1-instance", "la-gw1-disk", "la-gw1-address", "sg-gw1-instance"].map(locked);

test("the protection of the machine and its disk is taken off, and the setting is what it was", async () => {
  const stack = stackOf(all, all);
  await release("la-gw1", stack);
  const targets = "--target …la-gw1-instance --target …la-gw1-disk";
  expect(stack.ran).toEqual([
    `refresh --yes --skip-preview ${targets}`,
    "config set crossborder:protect false",
    `up --yes --skip-preview ${targets}`,
    "config set crossborder:protect true",
  ]);
});

test("what the cloud no longer has is not changed there", async () => {
  const stack = stackOf(all, all.slice(1));
  await release("la-gw1", stack);
  expect(stack.ran[2]).toBe("up --yes --skip-preview --target …la-gw1-disk");
  const gone = stackOf(all, []);
  await release("la-gw1", gone);
  expect(gone.ran).toHaveLength(1);
});

test("what isn't protected, or isn't there, needs nothing", async () => {
  const open = [{ urn: urn("sg-gw1-instance"), id: "1" }];
  const stack = stackOf(open, open);
  await release("sg-gw1", stack);
  expect(stack.ran).toEqual(["refresh --yes --skip-preview --target …sg-gw1-instance"]);
  const none = stackOf([], []);
  await release("sg-gw1", none);
  expect(none.ran).toEqual([]);
});

test("a cloud that refuses ends it, and the setting is put back", async () => {
  const stack = stackOf(all, all, "up");
  await expect(release("la-gw1", stack)).rejects.toThrow(
    "pulumi up failed, and nothing was replaced: the cloud says no",
  );
  expect(stack.ran.at(-1)).toBe("config set crossborder:protect true");
});
