import { spawn } from "node:child_process";
import { z } from "zod";
import { root } from "../../toolchain/paths";
import { deployedLab } from "../lab/support/deployed";
import { eventually, labTimeoutMs } from "../lab/support/lab";

const minute = 60_000;

beforeAll(async () => (await deployedLab()).close(), labTimeoutMs);

/** What programs read in the status: docs/lab.md. */
const statusSchema = z.object({
  link: z.object({ state: z.string() }),
  backup: z.object({ state: z.string() }),
  ha: z.object({ la: z.string(), sg: z.string(), policy: z.string() }),
  postgres: z.object({
    state: z.string(),
    la_to_sg: z.object({ lagMs: z.number() }),
    sg_to_la: z.object({ lagMs: z.number() }),
    conflicts: z.number(),
  }),
});

/** Runs `npm run lab -- status --json` as an operator's program does. */
function status(): Promise<{ exit: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const args = ["toolchain/run.mjs", "lab", "status", "--json"];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    let stdout = "";
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.on("error", reject);
    child.on("close", (exit) => resolve({ exit, stdout }));
  });
}

test(
  "a lab with everything is green, in words that programs read",
  async () => {
    let seen = "";
    // A machine that was restored stood still: its database is closed until its clock was measured.
    await eventually(
      "the status is green",
      async () => {
        const { exit, stdout } = await status();
        seen = stdout;
        return exit === 0;
      },
      5 * minute,
      1000,
    );
    expect(statusSchema.parse(JSON.parse(seen))).toMatchObject({
      link: { state: "up" },
      backup: { state: "standby" },
      ha: { la: "MASTER", sg: "BACKUP", policy: "both-serve" },
      postgres: { state: "up" },
    });
  },
  6 * minute,
);
