import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import type { Image } from "../image/cache";
import { type Machine, nics } from "../network/plan";
import type { LabPaths } from "../paths";
import { readProcess, type ProcessInfo } from "./process";
import { slowdownArguments, slowdownOf, slowedEnvironment } from "./slowdown";

/** How a machine's processor runs. */
export type Accelerator = "kvm" | "tcg";

/**
 * MiB of each emulated machine's translated code. A full cache is emptied, and everything is translated anew: with 128 MiB a
 * deployment does that to a gateway every few seconds, and takes twice as long (`info jit` in the monitor counts the flushes). QEMU's
 * default, a quarter of the host's memory, would be more than all else that a machine takes.
 */
const translationCacheMiB: Readonly<Record<Machine, number>> = { la: 320, sg: 320, wan: 128 };

function processor(accelerator: Accelerator, machine: Machine): string[] {
  return accelerator === "kvm"
    ? ["-accel", "kvm", "-cpu", "host"]
    : ["-accel", `tcg,thread=multi,tb-size=${translationCacheMiB[machine]}`, "-cpu", "max"];
}

/** What `up` can be asked to make the machines of. */
export interface Make {
  /** How many times slower than this computer's the machines' time runs, 1 to 16. Other than 1 for emulated ones only. */
  readonly slowdown: number;
  /** Memory of each gateway in MiB, 512 to 4096. */
  readonly gatewayMemoryMiB: number;
}

/** Memory of a machine in MiB, unless it is asked for more. The link's daemons together take about 110. */
const memoryMiB = 512;

export const usualMake: Make = { slowdown: 1, gatewayMemoryMiB: memoryMiB };

function memoryOf(machine: Machine, make: Make): number {
  return machine === "wan" ? memoryMiB : make.gatewayMemoryMiB;
}

/** The value of an option. */
function optionOf(argv: readonly string[], option: string): string | undefined {
  return argv[argv.indexOf(option) + 1];
}

/** What of a running machine isn't as it is wanted: what it has to be started again with. */
export function differences(machine: Machine, argv: readonly string[], wanted: Make): string[] {
  const memory = memoryOf(machine, wanted);
  const time = wanted.slowdown > 1 ? `its time slowed ${wanted.slowdown} times` : "its time as usual";
  return [
    ...(slowdownOf(argv) === wanted.slowdown ? [] : [time]),
    ...(optionOf(argv, "-m") === String(memory) ? [] : [`${memory} MiB`]),
  ];
}

export const emulator = "qemu-system-x86_64";

/**
 * One processor. Were it the only one there can be, QEMU (7.2, seen with `-d op`) would leave the guest's memory barriers out of the translated code,
 * though its devices run in a thread of their own: a network card then misses under load that there is something to send, for good.
 */
const processors = "1,maxcpus=2";

/**
 * Kernel arguments: predictable names come from our own .link files, and side channels inside a lab are no threat. `norandmaps`, because
 * QEMU keeps translated code by its virtual address, so that of a program whose address is random is translated anew at every start:
 * keepalived's scripts alone made that 4,000 blocks a second, a third of a gateway's time and a full cache every two minutes (`info jit`).
 */
const kernelArguments = "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off norandmaps panic=5";

/**
 * What every machine and the acceleration probe have in common.
 * @param kernel What the kernel is told beside its usual arguments.
 */
export function baseArguments(
  accelerator: Accelerator,
  machine: Machine,
  image: Image,
  console: string,
  kernel = "quiet",
  make: Make = usualMake,
): string[] {
  const told = [kernelArguments, kernel, ...slowdownArguments(make.slowdown)].join(" ");
  return [
    ...[
      "-M",
      "q35",
      ...processor(accelerator, machine),
      "-smp",
      processors,
      "-m",
      String(memoryOf(machine, make)),
    ],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-serial", `file:${console}`],
    ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", told],
  ];
}

/**
 * What of a machine's arguments its saved memory depends on: board, processor, processors, memory, and how its kernel was started,
 * which tells a slowed machine.
 */
export function hardwareOf(args: readonly string[]): string {
  return ["-M", "-cpu", "-smp", "-m", "-append"].map((option) => optionOf(args, option)).join(" ");
}

export interface MachineFiles {
  readonly disk: string;
  readonly seed: string;
  readonly console: string;
  readonly pid: string;
  readonly qmp: string;
}

/** Where a machine's files are. */
export function machineFiles(paths: LabPaths, machine: Machine): MachineFiles {
  return {
    disk: path.join(paths.lab, "disks", `${machine}.qcow2`),
    seed: path.join(paths.lab, "seeds", `${machine}.img`),
    console: path.join(paths.logs, `${machine}.console.log`),
    pid: path.join(paths.runtime, `${machine}.pid`),
    qmp: path.join(paths.runtime, `${machine}.qmp`),
  };
}

function backendName(index: number): string {
  return `n${index}`;
}

/** QEMU's names for a machine's ends of the wires to other machines. */
export function wireNames(machine: Machine): string[] {
  return nics[machine].flatMap((nic, index) => (nic.wire ? [backendName(index)] : []));
}

/**
 * QEMU's arguments for a machine.
 * @param options.port Loopback port that leads to the machine's SSH. Nothing else of the host can be reached by the machine, and
 *   the wires between machines are datagram sockets that never touch the host's network.
 * @param options.snapshot Name of the saved state to start with, paused; the machine boots when absent.
 * @param options.make What it is made of. @default the usual
 */
export function machineArguments(
  paths: LabPaths,
  image: Image,
  machine: Machine,
  options: { accelerator: Accelerator; port: number; snapshot?: string; make?: Make },
): string[] {
  const files = machineFiles(paths, machine);
  const wires = nics[machine].flatMap((nic, index) => {
    const id = backendName(index);
    const end = (name: string): string => path.join(paths.runtime, `${name}.net`);
    const [local, remote] =
      machine === "wan" ? [`wan-${nic.wire}`, `${nic.wire}-wan`] : [`${nic.wire}-wan`, `wan-${nic.wire}`];
    const backend = nic.wire
      ? `dgram,id=${id},local.type=unix,local.path=${end(local)},remote.type=unix,remote.path=${end(remote)}`
      : `user,id=${id},restrict=on,hostfwd=tcp:127.0.0.1:${options.port}-:22`;
    return ["-netdev", backend, "-device", `virtio-net-pci,netdev=${id},mac=${nic.mac},romfile=`];
  });
  return [
    ...[
      "-name",
      machine,
      ...baseArguments(options.accelerator, machine, image, files.console, "quiet", options.make),
    ],
    ...["-drive", `if=none,id=d0,file=${files.disk},format=qcow2,cache=unsafe,discard=unmap`],
    ...["-device", "virtio-blk-pci,drive=d0"],
    ...["-drive", `if=none,id=d1,file=${files.seed},format=raw,readonly=on`],
    ...["-device", "virtio-blk-pci,drive=d1"],
    ...["-device", "virtio-rng-pci", ...wires],
    ...["-qmp", `unix:${files.qmp},server=on,wait=off`],
    ...["-pidfile", files.pid, "-daemonize"],
    // Paused, so that all machines go on together.
    ...(options.snapshot === undefined ? [] : ["-loadvm", options.snapshot, "-S"]),
  ];
}

/** The machine's process, when it runs. A pid file left by a crash, or whose number another program has now, is none. */
export function machineProcess(paths: LabPaths, machine: Machine): ProcessInfo | undefined {
  const { pid } = machineFiles(paths, machine);
  if (!existsSync(pid)) return undefined;
  const found = readProcess(Number(readFileSync(pid, "utf8")));
  return found?.argv.includes(pid) ? found : undefined;
}

/**
 * Starts QEMU, its time slowed where the arguments say so; it returns when the machine runs.
 * @throws Error with QEMU's words, e.g. when the port was taken in the meantime.
 */
export function launch(args: readonly string[]): void {
  const env = slowedEnvironment(slowdownOf(args));
  const result = spawnSync(emulator, args, { env, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (result.error) throw new Error(`${emulator} cannot be started: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`${emulator} ended with status ${result.status}: ${result.stderr.trim()}`);
}

/** Removes what a process that is gone left in the runtime directory. */
export function clearRuntimeFiles(paths: LabPaths, machine: Machine): void {
  const files = machineFiles(paths, machine);
  for (const file of [files.pid, files.qmp]) rmSync(file, { force: true });
}
