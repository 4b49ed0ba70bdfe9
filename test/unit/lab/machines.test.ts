import { createServer } from "node:net";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { imageAt } from "../../../lab/image/cache";
import { freePort } from "../../../lab/machines/ports";
import { readProcess } from "../../../lab/machines/process";
import {
  differences,
  emulator,
  hardwareOf,
  launch,
  machineArguments,
  machineFiles,
  machineProcess,
  type Make,
  usualMake,
} from "../../../lab/machines/qemu";
import { slowdownOf } from "../../../lab/machines/slowdown";
import { machines } from "../../../lab/network/plan";
import { type LabPaths, labPaths } from "../../../lab/paths";
import { readState, writeState } from "../../../lab/state";

const image = imageAt("/cache", "abc");
const here = (lab: string): LabPaths => labPaths({ CROSSBORDER_LAB_DIR: lab });

function argumentsOf(paths: LabPaths, machine: (typeof machines)[number], make?: Make): string[] {
  return machineArguments(paths, image, machine, { accelerator: "tcg", port: 2200, make });
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

describe("a machine's make", () => {
  const slowed: Make = { slowdown: 4, gatewayMemoryMiB: 1024 };
  const of = (machine: (typeof machines)[number], make?: Make) => argumentsOf(here("/a"), machine, make);

  it("is the usual one unless another is asked for", () => {
    expect(of("la")).toEqual(of("la", usualMake));
    expect(slowdownOf(of("la"))).toBe(1);
  });

  it("can be told from its arguments", () => {
    expect(slowdownOf(of("wan", slowed))).toBe(4);
    expect(differences("la", of("la", slowed), slowed)).toEqual([]);
    expect(differences("la", of("la"), slowed)).toEqual(["its time slowed 4 times", "1024 MiB"]);
    expect(differences("la", of("la", slowed), usualMake)).toEqual(["its time as usual", "512 MiB"]);
    expect(differences("la", of("la", slowed), { ...slowed, slowdown: 16 })).toHaveLength(1);
  });

  it("has more memory for the gateways alone", () => {
    expect(of("sg", slowed).join(" ")).toContain(" -m 1024 ");
    expect(differences("wan", of("wan"), { ...usualMake, gatewayMemoryMiB: 1024 })).toEqual([]);
  });

  it("is part of its hardware: a snapshot of slowed machines isn't one for others", () => {
    const hardware = [1, 4, 16].map((slowdown) => hardwareOf(of("la", { ...usualMake, slowdown })));
    expect(new Set(hardware).size).toBe(3);
  });

  describe("and its emulator", () => {
    let directory: string;
    const searchPath = process.env["PATH"];
    beforeEach(() => {
      directory = mkdtempSync(path.join(tmpdir(), "emulator-"));
      writeFileSync(path.join(directory, emulator), `#!/bin/sh\nenv >${directory}/env\n`, { mode: 0o755 });
      process.env["PATH"] = `${directory}:${searchPath}`;
    });
    afterEach(() => {
      process.env["PATH"] = searchPath;
      rmSync(directory, { recursive: true });
    });
    const environment = (make: Make): string[] => {
      launch(of("la", make));
      return readFileSync(path.join(directory, "env"), "utf8").split("\n");
    };

    it("have their clocks slowed as its arguments say", () => {
      const found = environment(slowed);
      expect(found).toContain("FAKETIME=+0 x0.25");
      expect(found.find((line) => line.startsWith("LD_PRELOAD="))).toMatch(/libfaketimeMT\.so\.1$/);
    });

    it("have nothing preloaded at the usual pace", () => {
      expect(environment(usualMake).filter((line) => /^(LD_PRELOAD|FAKETIME)/.test(line))).toEqual([]);
    });
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
