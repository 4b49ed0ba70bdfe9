import { parseArgs } from "node:util";
import { backupReport } from "../../providers/probes/backupPath";
import { exitStatus, renderLinkStatus } from "../../providers/probes/status";
import { postgresStatus } from "../../providers/probes/replicationStatus";
import { labStatus, renderMachines } from "../status";
import { existingLab, type LabCommand } from "./command";

export const status: LabCommand = {
  summary: "measure the link and show machines, ocean and faults",
  help: `usage: npm run lab -- status [--json]

Shows the machines, the ocean with the faults in force, and the link as measured now: round trip over the tunnel and beside it,
loss, BFD, BGP, encryption, MTU; when it is not healthy, the layer at fault and what to try; and the backup path and
the pair by site, and the databases with their lag each way, where they are on. --json prints the same as one JSON value (with npm's --silent nothing else is printed).

exit status: 0 the link is healthy, the backup path stands by, the pair is in order and the databases replicate, 1 not so,
2 there is no lab
`,
  async run(args) {
    const { values } = parseArgs({ args, options: { json: { type: "boolean" } } });
    const found = await labStatus(existingLab());
    const { link, backup, ha, postgres } = found;
    if (values.json) {
      process.stdout.write(
        JSON.stringify({
          ...found,
          backup: backup && backupReport(backup),
          postgres: postgres && postgresStatus(postgres),
        }) + "\n",
      );
    } else {
      const deployed =
        link.state === "absent"
          ? `  ${"link".padEnd(12)}not deployed: npm run lab`
          : renderLinkStatus({ link, backup, ha, postgres });
      process.stdout.write(`${renderMachines(found)}\n\n${deployed}\n`);
    }
    return link.state === "absent" ? 1 : exitStatus({ link, backup, ha, postgres });
  },
};
