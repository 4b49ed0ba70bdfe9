import { existsSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { Direction } from "../drills/faults";
import { backupOutput, haOutput, postgresFacts } from "../outputs/contract";
import { linkFactsSchema } from "../providers/probes/facts";
import { deployedStatus } from "../outputs/status";
import type { LinkStatus } from "../providers/probes/status";
import { runPulumi } from "../toolchain/pulumi";
import { stackStateDirectory } from "./machines/disks";
import { machineProcess } from "./machines/qemu";
import { slowdownOf } from "./machines/slowdown";
import { type Machine, machines } from "./network/plan";
import type { Water } from "./network/water";
import { openOcean } from "./ocean";
import type { LabPaths } from "./paths";
import { openSession, run } from "./sessions";
import { readState } from "./state";

export interface MachineStatus {
  readonly state: "up" | "not answering" | "stopped";
  /** Loopback port of its SSH. */
  readonly port: number | null;
  /** Memory of this computer that it takes, in MiB. */
  readonly memoryMiB: number;
  /**
   * How often the kernel has found each device's transmit queue stuck since it booted (`NETDEV WATCHDOG`); devices that always sent
   * are left out. An emulated card was seen to send nothing any more, which looks as if the ocean were gone.
   */
  readonly stuck: Readonly<Record<string, number>>;
}

const STUCK = "grep -Hv '^0$' /sys/class/net/*/queues/tx-*/tx_timeout || true";

/** How often each device was stuck, from what `grep` says of the kernel's counts. */
export function stuckDevices(counts: string): Record<string, number> {
  const stuck: Record<string, number> = {};
  for (const [, device, count] of counts.matchAll(/^\/sys\/class\/net\/([^/]+)\/.*:(\d+)$/gm))
    stuck[device!] = (stuck[device!] ?? 0) + Number(count);
  return stuck;
}

/** Everything there is in the lab. */
export interface LabStatus {
  /** `absent` when nothing is deployed. */
  readonly link: LinkStatus["link"] | { readonly state: "absent" };
  /** The backup path by site; null while it is off, or nothing is deployed. */
  readonly backup: LinkStatus["backup"];
  /** The pair; null while there is none, or nothing is deployed. */
  readonly ha: LinkStatus["ha"];
  /** The databases; null while there are none, or nothing is deployed. */
  readonly postgres: LinkStatus["postgres"];
  readonly machines: Readonly<Record<Machine, MachineStatus>>;
  /** How many times slower than this computer's the machines' time runs: all times here are the machines' own. */
  readonly slowdown: number;
  /** What the ocean does each way; null when `wan` doesn't answer. */
  readonly ocean: Readonly<Record<Direction, Water>> | null;
  /** Names of the faults in force. */
  readonly faults: readonly string[];
}

async function machineStatus(paths: LabPaths, machine: Machine): Promise<MachineStatus> {
  const port = readState(paths).ports[machine] ?? null;
  const found = machineProcess(paths, machine);
  const memoryMiB = Math.round((found?.residentBytes ?? 0) / 2 ** 20);
  if (!found) return { state: "stopped", port, memoryMiB, stuck: {} };
  try {
    const session = await openSession(machine, { paths, dialTimeoutMs: 10_000 });
    const counts = await run(session, STUCK).finally(() => session.close());
    return { state: "up", port, memoryMiB, stuck: stuckDevices(counts) };
  } catch {
    return { state: "not answering", port, memoryMiB, stuck: {} };
  }
}

async function deployed(paths: LabPaths): Promise<Pick<LabStatus, "link" | "backup" | "ha" | "postgres">> {
  const absent = { link: { state: "absent" }, backup: null, ha: null, postgres: null } as const;
  const stack = path.join(stackStateDirectory(paths), ".pulumi", "stacks", "crossborder", "lab.json");
  if (!existsSync(stack)) return absent;
  const args = ["stack", "output", "--json", "--show-secrets", "--stack", "lab"];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the outputs of the stack cannot be read: ${stderr.trim()}`);
  const outputs = z
    .object({
      linkFacts: linkFactsSchema.optional(),
      backup: backupOutput.default("off"),
      ha: haOutput.default("off"),
      postgresFacts: postgresFacts.default("off"),
    })
    .parse(JSON.parse(stdout));
  const { linkFacts } = outputs;
  return linkFacts ? deployedStatus({ ...outputs, linkFacts }) : absent;
}

/** Looks at everything there is in the lab. Never fails for something that is broken: it says so. */
export async function labStatus(paths: LabPaths): Promise<LabStatus> {
  const states = await Promise.all(
    machines.map(async (machine) => [machine, await machineStatus(paths, machine)] as const),
  );
  const all = Object.fromEntries(states) as Record<Machine, MachineStatus>;
  let water: LabStatus["ocean"] = null;
  let faults: string[] = [];
  if (all.wan.state === "up" && all.la.state === "up") {
    const ocean = await openOcean(paths);
    try {
      water = await ocean.read();
      faults = await ocean.faults();
    } finally {
      ocean.close();
    }
  }
  const slowdown = Math.max(
    ...machines.map((machine) => slowdownOf(machineProcess(paths, machine)?.argv ?? [])),
  );
  return { ...(await deployed(paths)), machines: all, slowdown, ocean: water, faults };
}

function describeWater(water: Water): string {
  const loss = water.lossPercent > 0 ? `, loss ${water.lossPercent.toFixed(1)} %` : "";
  const jitter = water.jitterMs > 0 ? ` ± ${water.jitterMs.toFixed(1)}` : "";
  return `${water.delayMs.toFixed(1)}${jitter} ms${loss}${water.reorder ? ", may reorder" : ""}`;
}

/** Machines and ocean as a table for people. */
export function renderMachines(status: LabStatus): string {
  const rows = machines.map((machine) => {
    const { state, port, memoryMiB, stuck } = status.machines[machine];
    const where = port === null ? "" : `ssh 127.0.0.1:${port}`;
    const devices = Object.entries(stuck).map(([device, times]) => `${device} was stuck ${times} times`);
    const notes = devices.length > 0 ? `   (${devices.join(", ")}: npm run lab -- down, then up)` : "";
    return `  ${machine.padEnd(12)}${state.padEnd(15)}${where.padEnd(22)}${memoryMiB} MiB${notes}`;
  });
  if (status.slowdown > 1) {
    rows.push(`  ${"time".padEnd(12)}runs ${status.slowdown} times slower in the machines`);
  }
  if (status.ocean) {
    const { "la-sg": toSg, "sg-la": toLa } = status.ocean;
    rows.push(`  ${"ocean".padEnd(12)}adds ${describeWater(toSg)} to sg, ${describeWater(toLa)} to la`);
  }
  for (const fault of status.faults)
    rows.push(`  ${"fault".padEnd(12)}${fault} (in force; heal with: npm run lab -- ocean --heal)`);
  return rows.join("\n");
}
