import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { stopMachine } from "../../lab/machines/down";
import { until } from "../../lab/machines/process";
import { machineFiles, machineProcess } from "../../lab/machines/qemu";
import { withQmp } from "../../lab/machines/qmp";
import { ensureMachines } from "../../lab/machines/up";
import type { SiteName } from "../../lab/network/plan";
import { type Ocean, presets } from "../../lab/ocean";
import type { LabPaths } from "../../lab/paths";
import { answers, openSession, run } from "../../lab/sessions";
import { exclusively } from "../../lab/up";
import { labDirectory, root } from "../../toolchain/paths";
import { runCommand } from "../command";
import type { Injector } from "../injector";
import { type Journal, networkFaults } from "../journal";
import type { Injection, Role } from "../model";
import { fillDisk, freeDisk, rightClock, skewClock } from "../hostFaults";
import { giveDiskBack, isDiskTaken, takeDisk } from "./disk";

/** Longest time from a reset until a machine answers, on a busy computer. */
const bootDeadlineMs = 420_000;

type OnHost = Extract<Injection, { host: Role }>;

/** Makes faults happen in the lab: packets on its router, power and disks through QEMU, the rest inside the machines. */
export class LabInjector implements Injector {
  constructor(
    private readonly paths: LabPaths,
    private readonly ocean: Ocean,
    private readonly journal: Journal,
    private readonly siteOf: (role: Role) => SiteName,
    private readonly hostOf: (role: Role) => string,
    /** ms since 1970 by the clock of `wan`, which clients have. */
    private readonly now: () => Promise<number>,
  ) {}

  async inject(what: Injection): Promise<number> {
    if (what.kind === "network") return (await this.ocean.force(networkFaults(this.journal))) * 1000;
    if (what.kind === "water") {
      await this.ocean.set({ rttMs: what.rttMs, lossPercent: what.lossPercent });
      return this.now();
    }
    if (what.kind === "switchover") return this.switchover(what.to);
    const at = await this.now();
    await this.injectOnHost(what);
    return at;
  }

  async heal(what: Injection): Promise<number> {
    if (what.kind === "destroy-disk") {
      await this.powerOn(this.siteOf(what.host));
      await this.replace(this.hostOf(what.host));
    } else if (what.kind === "reboot") {
      await this.mustAnswer(this.siteOf(what.host));
    } else {
      await this.undo(what);
    }
    return this.now();
  }

  /** By a copy of the settings: the machine's number isn't for the lab's own, whose disk comes back. */
  private async replace(host: string): Promise<void> {
    const settings = join(labDirectory, "drill-settings.yaml");
    copyFileSync(join(root, "Pulumi.lab.yaml"), settings);
    await runCommand("replace", [host, "--config-file", settings]);
  }

  async undo(what: Injection): Promise<void> {
    switch (what.kind) {
      case "network":
        await this.ocean.force(networkFaults(this.journal, what));
        return;
      case "water":
        await this.calm(what);
        return;
      case "switchover":
        await this.switchover(what.to === "primary" ? "secondary" : "primary");
        await runCommand("ha", ["release"]);
        return;
      default:
        await this.undoOnHost(what);
    }
  }

  private async calm(except: Injection): Promise<void> {
    await this.ocean.set(presets["default"]!);
    for (const one of this.journal.inForce()) {
      if (one.kind !== "water" || JSON.stringify(one) === JSON.stringify(except)) continue;
      await this.ocean.set({ rttMs: one.rttMs, lossPercent: one.lossPercent });
    }
  }

  private async switchover(to: Role): Promise<number> {
    const at = await this.now();
    await runCommand("ha", ["switchover", this.siteOf(to)]);
    return at;
  }

  private async injectOnHost(what: OnHost): Promise<void> {
    const site = this.siteOf(what.host);
    switch (what.kind) {
      case "kill":
        return stopMachine(this.paths, site, "at once");
      case "destroy-disk":
        await stopMachine(this.paths, site, "at once");
        return takeDisk(this.paths, site);
      case "pause":
        return this.control(site, "stop");
      case "reboot":
        return this.control(site, "system_reset");
      case "full-disk":
        return this.onHost(site, fillDisk());
      case "clock-skew":
        return this.onHost(site, skewClock(what.seconds));
    }
  }

  private async undoOnHost(what: OnHost): Promise<void> {
    const site = this.siteOf(what.host);
    switch (what.kind) {
      case "destroy-disk":
        if (isDiskTaken(this.paths, site)) {
          await stopMachine(this.paths, site, "at once");
          giveDiskBack(this.paths, site);
        }
        return this.powerOn(site);
      case "pause":
        // One that died while it was frozen is booted.
        if (machineProcess(this.paths, site)) await this.control(site, "cont");
        return this.powerOn(site);
      case "kill":
      case "reboot":
        return this.powerOn(site);
      case "full-disk":
        return this.onHost(site, freeDisk());
      case "clock-skew":
        return this.onHost(site, rightClock());
    }
  }

  private async powerOn(site: SiteName): Promise<void> {
    await exclusively(this.paths, () => ensureMachines(this.paths, [site]));
  }

  private async mustAnswer(site: SiteName): Promise<void> {
    if (!(await until(() => answers(site, this.paths), bootDeadlineMs)))
      throw new Error(`${site} doesn't answer ${bootDeadlineMs / 1000} s after its reset`);
  }

  private async control(site: SiteName, command: "stop" | "cont" | "system_reset"): Promise<void> {
    const { qmp } = machineFiles(this.paths, site);
    if (!existsSync(qmp)) throw new Error(`${site} is off`);
    await withQmp([qmp], async ([one]) => void (await one!.execute(command)));
  }

  private async onHost(site: SiteName, command: string): Promise<void> {
    const session = await openSession(site, { paths: this.paths });
    try {
      await run(session, command);
    } finally {
      session.close();
    }
  }
}
