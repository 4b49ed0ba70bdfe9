import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createHash } from "node:crypto";
import { findOnPath } from "../toolchain/system";
import { type Machine, machines } from "./network/plan";
import { networkSeed } from "./network/seed";
import { ensurePrivateDirectory, type LabPaths } from "./paths";

/** A key pair as OpenSSH keeps it. */
export interface KeyPair {
  readonly privateKeyFile: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly publicKey: string;
}

function ensureKey(directory: string, name: string): KeyPair {
  ensurePrivateDirectory(directory);
  const file = path.join(directory, name);
  if (!existsSync(file) || !existsSync(`${file}.pub`)) {
    // Both files or neither: made beside, then moved in, the public one last.
    const fresh = path.join(directory, `.new-${process.pid}`);
    for (const old of [file, `${file}.pub`, fresh, `${fresh}.pub`]) rmSync(old, { force: true });
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", fresh]);
    renameSync(fresh, file);
    renameSync(`${fresh}.pub`, `${file}.pub`);
  }
  return { privateKeyFile: file, publicKey: readFileSync(`${file}.pub`, "utf8").trim() };
}

/** The key that opens every machine of this lab. Made when there is none. */
export function userKey(paths: LabPaths): KeyPair {
  return ensureKey(path.join(paths.lab, "keys"), "id_ed25519");
}

/** A machine's SSH host key, made before its first boot and pinned by everyone who connects. Made when there is none. */
export function hostKey(paths: LabPaths, machine: Machine): KeyPair {
  return ensureKey(path.join(paths.lab, "keys"), `host-${machine}`);
}

/** The files of a machine's seed disk. */
function seedFiles(paths: LabPaths, machine: Machine): Record<string, string> {
  const key = hostKey(paths, machine);
  return {
    ...networkSeed(machine),
    ssh_host_ed25519_key: readFileSync(key.privateKeyFile, "utf8"),
    "ssh_host_ed25519_key.pub": `${key.publicKey}\n`,
    authorized_keys: `${userKey(paths).publicKey}\n`,
  };
}

/** Names the content of a machine's seed disk. A machine that booted with another one runs an older plan. */
export function seedHash(paths: LabPaths, machine: Machine): string {
  return createHash("sha256")
    .update(JSON.stringify(seedFiles(paths, machine)))
    .digest("hex")
    .slice(0, 12);
}

/**
 * Writes the small read-only disk that tells a machine who it is: name, keys, address plan.
 * @returns its path.
 */
export function writeSeed(paths: LabPaths, machine: Machine): string {
  const directory = path.join(paths.lab, "seeds");
  ensurePrivateDirectory(directory);
  const tree = path.join(directory, `${machine}.tree`);
  const disk = path.join(directory, `${machine}.img`);
  rmSync(tree, { recursive: true, force: true });
  rmSync(disk, { force: true });
  mkdirSync(tree, { mode: 0o700 });
  for (const [name, content] of Object.entries(seedFiles(paths, machine))) {
    writeFileSync(path.join(tree, name), content, { mode: 0o600 });
  }
  const mke2fs = findOnPath("mke2fs") ?? "mke2fs";
  execFileSync(mke2fs, [
    "-q",
    "-t",
    "ext4",
    "-O",
    "^has_journal",
    "-E",
    "root_owner=0:0",
    "-d",
    tree,
    disk,
    "1M",
  ]);
  rmSync(tree, { recursive: true });
  return disk;
}

/** Every machine's pinned host key, in known_hosts form under the alias `crossborder-<machine>`, for OpenSSH's client. */
export function writeKnownHosts(paths: LabPaths): string {
  const file = path.join(paths.lab, "keys", "known_hosts");
  const lines = machines.map((machine) => `crossborder-${machine} ${hostKey(paths, machine).publicKey}\n`);
  writeFileSync(file, lines.join(""), { mode: 0o600 });
  return file;
}
