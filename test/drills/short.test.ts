import { z } from "zod";
import { deployedLab } from "../lab/support/deployed";
import { labTimeoutMs } from "../lab/support/lab";
import { command } from "./command";

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

// The short ones: `npm run drill -- all` runs them all.
test.each(["cut-tunnel", "kill-primary", "switchover"])(
  "%s: nobody waits longer than is promised, and nothing acknowledged is lost",
  async (name) => {
    const { status, stdout } = await command("drill", name, "--json", "--room", String(room));
    const { failures, outageMs, promises } = result.parse(JSON.parse(stdout));
    expect(failures).toEqual([]);
    expect(Object.keys(outageMs)).toEqual(
      expect.arrayContaining(["la-service", "sg-vip-service", "la-site-writes", "sg-vip-reads"]),
    );
    for (const { checked, broken } of Object.values(promises)) {
      expect(checked).toBeGreaterThan(0);
      expect(broken).toEqual([]);
    }
    expect(status).toBe(0);
  },
  20 * minute,
);
