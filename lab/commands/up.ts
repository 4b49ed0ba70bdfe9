import { parseArgs } from "node:util";
import { recipeHash } from "../image/recipe";
import { usualMake } from "../machines/qemu";
import { labPaths } from "../paths";
import { readState } from "../state";
import { bringUp } from "../up";
import { type LabCommand, wholeNumberOption } from "./command";

export const up: LabCommand = {
  summary: "start the machines, set their clocks, calibrate the ocean to 84 ms",
  help: `usage: npm run lab -- up [--slowdown N] [--memory MiB]

Builds the golden image if there is none (once per computer), boots the machines la, sg and wan, sets their clocks, and
calibrates the ocean: the round trip between the sites' public addresses is 84 ms, without jitter or loss. Deploys nothing.
On a lab that runs it changes nothing. A machine that crashed, hangs, is paused or has a damaged disk is put right; a new
disk for a gateway means that both gateways and the stack's state start over.

options:
  --slowdown N     have the machines' time run N times slower than this computer's, 1 to 16 (default: 1): an emulated processor does N
                   times as much in a second of its own. Only where machines are emulated. Needs the package libfaketime.
  --memory MiB     memory of each gateway, 512 to 4096 (default: 512)

Machines that run otherwise are shut down and booted; so an \`up\` without options makes them the usual ones again.
`,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: { slowdown: { type: "string" }, memory: { type: "string" } },
    });
    const { booted, repairs, outdated } = await bringUp(labPaths(), {
      slowdown: wholeNumberOption("slowdown", values.slowdown, 1, 16) ?? usualMake.slowdown,
      gatewayMemoryMiB: wholeNumberOption("memory", values.memory, 512, 4096) ?? usualMake.gatewayMemoryMiB,
    });
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
