import { existsSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stopMachines } from "../../lab/machines/down";
import { readProcess } from "../../lab/machines/process";
import { machineFiles, machineProcess } from "../../lab/machines/qemu";
import { withQmp } from "../../lab/machines/qmp";
import { ensureMachines } from "../../lab/machines/up";
import { labPaths } from "../../lab/paths";
import { openSession, run } from "../../lab/sessions";
import { readState } from "../../lab/state";
import { connect } from "../../providers/ssh/session";
import { connectionOf } from "../../lab/sessions";
import { eventually, labTimeoutMs } from "./support/lab";

/** A lab of its own with one machine, beside the one that other tests use. */
describe("a machine of a second lab", () => {
  const paths = labPaths({ CROSSBORDER_LAB_DIR: mkdtempSync(path.join(tmpdir(), "second-lab-")) });
  const up = () => ensureMachines(paths, ["sg"]);
  const pid = (): number | undefined => machineProcess(paths, "sg")?.pid;

  afterAll(async () => {
    await stopMachines(paths, "at once");
    for (const directory of [paths.lab, paths.runtime]) rmSync(directory, { recursive: true, force: true });
  }, labTimeoutMs);

  it(
    "boots, answers with its pinned key alone, and has a port of its own",
    async () => {
      expect(await up()).toEqual({ booted: ["sg"], repairs: [], outdated: [] });
      const session = await openSession("sg", { paths });
      expect((await run(session, "hostname")).trim()).toBe("sg");
      session.close();
      const main = readState(labPaths()).ports;
      expect(Object.values(main)).not.toContain(readState(paths).ports.sg);
      const stranger = connectionOf("sg", paths);
      const { hostKey } = { hostKey: stranger.hostKey.slice(0, -4) + "AAAA" };
      await expect(connect({ ...stranger, hostKey })).rejects.toMatchObject({ failure: "host-key-mismatch" });
    },
    labTimeoutMs,
  );

  it(
    "is left alone when it is well",
    async () => {
      const before = pid();
      expect(await up()).toEqual({ booted: [], repairs: [], outdated: [] });
      expect(pid()).toBe(before);
    },
    labTimeoutMs,
  );

  it(
    "goes on when it was paused",
    async () => {
      const before = pid();
      await withQmp([machineFiles(paths, "sg").qmp], async ([qmp]) => void (await qmp!.execute("stop")));
      expect((await up()).repairs).toEqual(["sg: was paused, resumed"]);
      expect(pid()).toBe(before);
    },
    labTimeoutMs,
  );

  it(
    "boots again with what it had when its process was killed",
    async () => {
      const session = await openSession("sg", { paths });
      await run(session, "echo kept >/root/mark && sync");
      session.close();
      const killed = pid()!;
      process.kill(killed, "SIGKILL");
      // A process goes a moment after its signal: until then its monitor may still be asked.
      await eventually("the process is gone", () => Promise.resolve(!readProcess(killed)), 10_000, 50);
      const report = await up();
      expect(report).toMatchObject({ booted: ["sg"], repairs: ["sg: was not running"] });
      const again = await openSession("sg", { paths });
      expect(await run(again, "cat /root/mark")).toBe("kept\n");
      again.close();
    },
    labTimeoutMs,
  );

  it(
    "leaves no process when it goes down, and gets a new disk when that is damaged, which is said",
    async () => {
      const before = pid()!;
      expect(await stopMachines(paths)).toEqual(["sg"]);
      expect(readProcess(before)).toBeUndefined();
      expect(existsSync(machineFiles(paths, "sg").pid)).toBe(false);

      truncateSync(machineFiles(paths, "sg").disk, 100_000);
      const { repairs } = await up();
      expect(repairs).toContain("sg: disk missing or damaged");
      expect(repairs).toContain("la, sg: new disk, nothing deployed on them");
      const session = await openSession("sg", { paths });
      expect((await session.exec("test -e /root/mark")).status).toBe(1);
      session.close();
    },
    labTimeoutMs,
  );
});
