import { z } from "zod";
import { deployedLab } from "../lab/support/deployed";
import { labTimeoutMs } from "../lab/support/lab";
import { runCommand } from "../support/checkoutCommand";

const minute = 60_000;

// A drill wants a lab that is there.
beforeAll(async () => (await deployedLab()).close(), labTimeoutMs);

/** A test runs on any computer; `npm run drill` by itself holds the stack to what is promised. */
const room = 2;

const promise = z.object({ checked: z.number(), broken: z.array(z.string()) });
/** What a drill's result has at least, for programs that read it. */
const result = z.object({
  name: z.string(),
  passed: z.boolean(),
  failures: z.array(z.string()),
  outageMs: z.record(z.string(), z.number()),
  promises: z.object({ a: promise, b: promise, c: promise }),
});

// The short ones: `npm run drill -- all` runs them all. A command goes back to the healthy lab before each drill and after the last.
describe.each([[["cut-tunnel"]], [["kill-primary", "switchover"]]])("npm run drill -- %s", (names) => {
  let status: number | null;
  let results: z.infer<typeof result>[];

  beforeAll(
    async () => {
      const ran = await runCommand(
        ["drill", ...names, "--json", "--room", String(room)],
        process.env,
        // Minutes pass: what it is doing belongs to the tests' output.
        (text) => void process.stderr.write(text),
      );
      status = ran.status;
      const printed: unknown = JSON.parse(ran.stdout);
      results = z.array(result).parse(names.length === 1 ? [printed] : printed);
    },
    names.length * 20 * minute,
  );

  test.each(names)("%s: nobody waits longer than is promised, and nothing acknowledged is lost", (name) => {
    const { failures, outageMs, promises } = results.find((one) => one.name === name)!;
    expect(failures).toEqual([]);
    expect(Object.keys(outageMs)).toEqual(
      expect.arrayContaining(["la-service", "sg-vip-service", "la-site-writes", "sg-vip-reads"]),
    );
    for (const { checked, broken } of Object.values(promises)) {
      expect(checked).toBeGreaterThan(0);
      expect(broken).toEqual([]);
    }
    expect(status).toBe(0);
  });
});
