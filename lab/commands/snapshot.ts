import { list, remove, restore, save } from "../snapshots";
import { exclusively } from "../up";
import { existingLab, type LabCommand, UsageError } from "./command";

export const snapshot: LabCommand = {
  summary: "save the whole lab's state under a name, or go back to one",
  help: `usage: npm run lab -- snapshot save|restore|remove <name>
       npm run lab -- snapshot list

A snapshot is the memory and disks of all machines, the ocean, and what Pulumi knows of them, at one moment. Restoring takes seconds,
on running machines or instead of a boot, and sets the clocks afterwards. Snapshots live in the machines' disks: they go
with \`reset\`, and when a disk had to be made anew.
`,
  async run([action, name, ...rest]) {
    const paths = existingLab();
    const started = Date.now();
    if (action === "list" && name === undefined) {
      for (const one of list(paths))
        process.stdout.write(`${one.name.padEnd(32)} ${new Date(one.at).toISOString()}\n`);
      return 0;
    }
    const work = { save, restore, remove }[action ?? ""];
    if (!work || name === undefined || rest.length > 0) throw new UsageError("what, and which one?");
    await exclusively(paths, () => work(name, paths));
    process.stderr.write(`${action} ${name}: done (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
    return 0;
  },
};
