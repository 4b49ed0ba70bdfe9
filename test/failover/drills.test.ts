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
  "with the tunnel cut, nobody waits for the other site longer than is promised",
  async () => {
    const { status, stdout } = await drill("cut-tunnel");
    const { failures, outageMs } = result.parse(JSON.parse(stdout));
    expect(failures).toEqual([]);
    expect(Object.keys(outageMs)).toEqual(expect.arrayContaining(["la-service", "sg-service"]));
    expect(status).toBe(0);
  },
  15 * minute,
);
