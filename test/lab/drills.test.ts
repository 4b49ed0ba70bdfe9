import { spawn } from "node:child_process";
import { z } from "zod";
import { root } from "../../toolchain/paths";

const minute = 60_000;

const promise = z.object({ checked: z.number(), broken: z.array(z.string()) });
/** What a drill's result has at least, for programs that read it. */
const result = z.object({
  name: z.string(),
  passed: z.boolean(),
  failures: z.array(z.string()),
  outageMs: z.record(z.string(), z.number()),
  promises: z.object({ a: promise, b: promise, c: promise }),
});

/** Runs drills as an operator does; what they say goes to the tests' own output. */
function drill(...names: string[]): Promise<{ status: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const args = ["toolchain/run.mjs", "drill", ...names, "--json"];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    let stdout = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout }));
  });
}

test(
  "the short drills pass: no promise is broken, and nobody waits longer than is promised",
  async () => {
    const names = ["cut-tunnel", "kill-primary", "switchover"];
    const { status, stdout } = await drill(...names);
    const results = z.array(result).parse(JSON.parse(stdout));
    expect(results.map(({ name, failures }) => ({ name, failures }))).toEqual(
      names.map((name) => ({ name, failures: [] })),
    );
    for (const { outageMs, promises } of results) {
      expect(Object.keys(outageMs)).toContain("sg-vip-writes");
      for (const { checked, broken } of Object.values(promises)) {
        expect(checked).toBeGreaterThan(0);
        expect(broken).toEqual([]);
      }
    }
    expect(status).toBe(0);
  },
  20 * minute,
);
