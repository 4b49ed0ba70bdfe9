import { z } from "zod";
import { deployedLab } from "../lab/support/deployed";
import { eventually, labTimeoutMs } from "../lab/support/lab";
import { runCommand } from "../support/checkoutCommand";

const minute = 60_000;

beforeAll(async () => (await deployedLab()).close(), labTimeoutMs);

/** What programs read in the status. */
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

test(
  "a lab with everything is green, in words that programs read",
  async () => {
    let seen = "";
    // A machine that was restored stood still: its database is closed until its clock was measured.
    await eventually(
      "the status is green",
      async () => {
        const { status, stdout } = await runCommand(["lab", "status", "--json"]);
        seen = stdout;
        return status === 0;
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
