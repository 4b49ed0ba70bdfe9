import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { stopMachines } from "../machines/down";
import { labPaths } from "../paths";
import { labExists } from "../state";
import { bringDown, exclusively } from "../up";
import type { LabCommand } from "./command";

export const down: LabCommand = {
  summary: "shut the machines down; disks, snapshots and the stack stay",
  help: `usage: npm run lab -- down

Shuts the machines down in order, and cuts the power of one that takes longer than 45 s. Afterwards no process of the lab
runs. Disks, snapshots and the stack's state stay: the next \`up\` boots what was deployed.
`,
  async run(args) {
    parseArgs({ args, options: {} });
    const paths = labPaths();
    const stopped = labExists(paths) ? await bringDown(paths) : [];
    process.stderr.write(stopped.length > 0 ? `stopped ${stopped.join(", ")}\n` : "no machine was running\n");
    return 0;
  },
};

export const reset: LabCommand = {
  summary: "remove the lab with all its state, the stack's too; the golden image stays cached",
  help: `usage: npm run lab -- reset

Cuts the machines' power and removes everything that this checkout's lab made: disks, keys, inventory, snapshots, logs, and the
stack's state with its passphrase. What all checkouts share (the golden image, the Pulumi CLI) stays in the cache.
`,
  async run(args) {
    parseArgs({ args, options: {} });
    const paths = labPaths();
    await exclusively(paths, async () => {
      await stopMachines(paths, "at once");
      for (const directory of [paths.runtime, paths.lab]) rmSync(directory, { recursive: true, force: true });
    });
    process.stderr.write("the lab is gone\n");
    return 0;
  },
};
