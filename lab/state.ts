import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hostKey, userKey } from "./identity";
import { type Machine, machines } from "./network/plan";
import { ensurePrivateDirectory, type LabPaths } from "./paths";

/** What the lab remembers between its commands. */
export interface LabState {
  /** Loopback ports that lead to the machines' SSH. They stay the same for as long as nobody else takes them. */
  ports: Partial<Record<Machine, number>>;
  /** Hash of the golden image under the overlays. */
  image?: string;
  /** Names each machine's disk from its making on; a snapshot lives in the disks that it names. */
  disks: Partial<Record<Machine, string>>;
  /** Hash of the seed disk that each machine booted with. */
  seeds: Partial<Record<Machine, string>>;
  /** Round trip of the underlay in ms when the ocean adds nothing, as the last calibration found it. */
  baseRttMs?: number;
}

function stateFile(paths: LabPaths): string {
  return path.join(paths.lab, "state.json");
}

/** Replaces a file in one step, so that a reader or a crash never sees half of it. */
export function writeAtomically(file: string, content: string, mode = 0o600): void {
  const fresh = `${file}.${randomBytes(4).toString("hex")}`;
  writeFileSync(fresh, content, { mode });
  renameSync(fresh, file);
}

/** Reads the state; an unreadable one counts as none, because all of it can be made again. */
export function readState(paths: LabPaths): LabState {
  const fresh: LabState = { ports: {}, disks: {}, seeds: {} };
  try {
    return { ...fresh, ...(JSON.parse(readFileSync(stateFile(paths), "utf8")) as Partial<LabState>) };
  } catch {
    return fresh;
  }
}

export function writeState(paths: LabPaths, state: LabState): void {
  ensurePrivateDirectory(paths.lab);
  writeAtomically(stateFile(paths), JSON.stringify(state, undefined, 2) + "\n");
}

/** Whether a lab was ever made here. */
export function labExists(paths: LabPaths): boolean {
  return existsSync(stateFile(paths));
}

/** How to reach a machine, in the form of the stack settings' `connectionFile`. */
export interface InventoryEntry {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  readonly privateKeyFile: string;
}

/** The content of `inventory.json`. */
export interface Inventory {
  readonly machines: Readonly<Record<Machine, InventoryEntry>>;
}

/** How to reach one machine. @throws Error when it has no port yet, that is before `up`. */
export function inventoryEntry(paths: LabPaths, machine: Machine): InventoryEntry {
  const port = readState(paths).ports[machine];
  if (port === undefined) throw new Error("there is no lab here: run `npm run lab -- up`");
  return {
    host: "127.0.0.1",
    port,
    user: "root",
    hostKey: hostKey(paths, machine).publicKey,
    privateKeyFile: userKey(paths).privateKeyFile,
  };
}

/** The lab's machines as their users see them. @throws Error when one has no port yet, that is before `up`. */
export function inventory(paths: LabPaths): Inventory {
  const entries = machines.map((machine) => [machine, inventoryEntry(paths, machine)] as const);
  return { machines: Object.fromEntries(entries) as Record<Machine, InventoryEntry> };
}

/** Writes `inventory.json`, through which the stack `lab` finds its hosts. Left alone when it already says so. */
export function writeInventory(paths: LabPaths): void {
  const file = path.join(paths.lab, "inventory.json");
  const content = JSON.stringify(inventory(paths), undefined, 2) + "\n";
  if (!existsSync(file) || readFileSync(file, "utf8") !== content) writeAtomically(file, content);
}
