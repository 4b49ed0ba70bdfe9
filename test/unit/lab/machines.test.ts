import { createServer } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { imageAt } from "../../../lab/image/cache";
import { freePort } from "../../../lab/machines/ports";
import { readProcess } from "../../../lab/machines/process";
import { hardwareOf, machineArguments, machineFiles, machineProcess } from "../../../lab/machines/qemu";
import { machines } from "../../../lab/network/plan";
import { type LabPaths, labPaths } from "../../../lab/paths";
import { readState, writeState } from "../../../lab/state";

const image = imageAt("/cache", "abc");
const here = (lab: string): LabPaths => labPaths({ CROSSBORDER_LAB_DIR: lab });

function argumentsOf(paths: LabPaths, machine: (typeof machines)[number]): string[] {
  return machineArguments(paths, image, machine, { accelerator: "tcg", port: 2200 });
}

describe("a machine's emulator", () => {
  it.each(machines)("lets %s reach nothing, and be reached on loopback alone", (machine) => {
    const networks = argumentsOf(here("/a"), machine).filter((_, i, all) => all[i - 1] === "-netdev");
    const user = networks.filter((one) => one.startsWith("user,"));
    expect(user).toEqual(["user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:2200-:22"]);
    for (const wire of networks.filter((one) => !one.startsWith("user,"))) {
      expect(wire).toMatch(/^dgram,.*local\.type=unix,.*remote\.type=unix,/);
    }
  });

  it("orders memory for its devices' threads, which an emulator of one processor doesn't", () => {
    const args = argumentsOf(here("/a"), "la");
    expect(args[args.indexOf("-smp") + 1]).toBe("1,maxcpus=2");
  });

  it("starts programs where they were the last time, whose translated code is used again then", () => {
    const args = argumentsOf(here("/a"), "la");
    expect(args[args.indexOf("-append") + 1]!.split(" ")).toContain("norandmaps");
  });

  it("has a hardware that its paths, port and disks are no part of, its processors and its kernel's arguments are", () => {
    const one = argumentsOf(here("/a"), "la");
    const paths = here("/b");
    const options = { accelerator: "tcg", port: 2300, snapshot: "saved" } as const;
    expect(hardwareOf(machineArguments(paths, image, "la", options))).toBe(hardwareOf(one));
    const other = one.map((arg) => (arg === "1,maxcpus=2" ? "1" : arg));
    expect(hardwareOf(other)).not.toBe(hardwareOf(one));
    const former = one.map((arg) => arg.replace(" norandmaps", ""));
    expect(hardwareOf(former)).not.toBe(hardwareOf(one));
    expect(hardwareOf(one)).not.toContain("undefined");
  });

  it("joins each gateway's wire with the router's", () => {
    const ends = (machine: (typeof machines)[number], key: string): string[] =>
      argumentsOf(here("/a"), machine).flatMap(
        (arg) => new RegExp(`${key}\\.path=([^,]+)`).exec(arg)?.[1] ?? [],
      );
    expect([...ends("la", "local"), ...ends("sg", "local")]).toEqual(ends("wan", "remote"));
    expect([...ends("la", "remote"), ...ends("sg", "remote")]).toEqual(ends("wan", "local"));
  });

  it("has sockets that fit the kernel's limit and no other lab's", () => {
    const one = machineFiles(here("/a"), "wan");
    const other = machineFiles(here("/b"), "wan");
    expect(one.qmp).not.toBe(other.qmp);
    expect(one.pid).not.toBe(other.pid);
    expect(path.dirname(one.qmp).length + "/wan-la.net".length).toBeLessThan(107);
  });
});

describe("a machine's process", () => {
  let paths: LabPaths;
  beforeEach(() => {
    const directory = mkdtempSync(path.join(tmpdir(), "lab-"));
    paths = { lab: directory, logs: directory, runtime: directory, cache: directory };
  });
  afterEach(() => rmSync(paths.lab, { recursive: true }));

  it("is not a process that has inherited its number", () => {
    writeFileSync(machineFiles(paths, "la").pid, `${process.pid}\n`);
    expect(readProcess(process.pid)).toBeDefined();
    expect(machineProcess(paths, "la")).toBeUndefined();
  });

  it("is none when the pid file is empty or missing", () => {
    expect(machineProcess(paths, "la")).toBeUndefined();
    writeFileSync(machineFiles(paths, "la").pid, "");
    expect(machineProcess(paths, "la")).toBeUndefined();
  });

  it("keeps its port while that is free, and gets another when it is taken", async () => {
    const port = await freePort();
    expect(await freePort(port)).toBe(port);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    expect(await freePort(port)).not.toBe(port);
    await new Promise((resolve) => server.close(resolve));
  });

  it("is remembered in a state that survives a torn file", () => {
    writeState(paths, { ports: { la: 2211 }, disks: {}, seeds: {} });
    expect(readState(paths).ports.la).toBe(2211);
    writeFileSync(path.join(paths.lab, "state.json"), '{"ports": {"la"');
    expect(readState(paths)).toEqual({ ports: {}, disks: {}, seeds: {} });
  });
});
