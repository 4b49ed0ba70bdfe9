import { parseArgs } from "node:util";
import { recipeHash } from "../image/recipe";
import { labPaths } from "../paths";
import { readState } from "../state";
import { bringUp } from "../up";
import type { LabCommand } from "./command";

export const up: LabCommand = {
  summary: "start the machines, set their clocks, calibrate the ocean to 84 ms",
  help: `usage: npm run lab -- up

Builds the golden image if there is none (once per computer), boots the machines la, sg and wan, sets their clocks, and
calibrates the ocean: the round trip between the sites' public addresses is 84 ms, without jitter or loss. Deploys nothing.
On a lab that runs it changes nothing. A machine that crashed, hangs, is paused or has a damaged disk is put right; a new
disk for a gateway means that both gateways and the stack's state start over.
`,
  async run(args) {
    parseArgs({ args, options: {} });
    const { booted, repairs, outdated } = await bringUp();
    for (const repair of repairs) process.stderr.write(`repaired: ${repair}\n`);
    for (const machine of outdated) {
      process.stderr.write(
        `${machine} runs with an older network plan than this checkout's; to renew it: npm run lab -- down, then up\n`,
      );
    }
    if (readState(labPaths()).image !== recipeHash()) {
      process.stderr.write(
        "the machines' disks come from an older golden image than this checkout's, and a deployment may miss what it lacks; " +
          "to start over: npm run lab -- reset\n",
      );
    }
    process.stderr.write(
      booted.length > 0 ? `the lab is up (booted ${booted.join(", ")})\n` : "the lab is up; nothing to do\n",
    );
    return 0;
  },
};
