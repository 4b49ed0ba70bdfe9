import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { type Artefact, ENVOY } from "../../components/host/artefacts";
import { machines, nics } from "../network/plan";

/** The Debian release of the lab's machines. */
export const suite = "bookworm";

/**
 * Everything in the golden image besides Debian's essential packages. It holds what the program would install on a
 * host, so that its install steps find their packages there, as on a host that was configured before.
 */
export const packages: readonly string[] = [
  // A machine that boots, is reached and keeps time.
  ...["systemd", "systemd-sysv", "udev", "dbus", "kmod", "initramfs-tools", "linux-image-cloud-amd64"],
  ...["zstd", "lz4", "openssh-server", "ca-certificates", "chrony", "procps", "python3", "sudo", "netbase"],
  // What the link is made of.
  // No more of strongSwan's plugins than the program installs: those that speak to the kernel's ciphers load them all.
  ...["strongswan-swanctl", "charon-systemd", "libstrongswan-standard-plugins"],
  ...["frr", "frr-pythontools", "nftables", "iproute2", "keepalived"],
  // The sites' databases.
  ...["postgresql-15", "postgresql-15-pglogical"],
  // What makes keys.
  "openssl",
  // What tests and drills look with.
  ...["iputils-ping", "conntrack", "tcpdump", "iperf3", "socat"],
];

/** Downloads that lie in the image where a host's installer looks for them, because the lab's machines reach nothing. */
export const artefacts: readonly Artefact[] = [ENVOY];

/** Paths that no test reads and that only take time to write. */
export const excludedPaths: readonly string[] = [
  "/usr/share/man/*",
  "/usr/share/doc/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
];

/** Files beside this one that go into the image or make it. */
const parts = ["hook.sh", "lab-seed.service", "sshd.conf"] as const;

/** The files that the hook needs, by name. */
export function recipeFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  for (const part of parts) files[part] = readFileSync(path.join(__dirname, part), "utf8");
  const macs = new Map<string, string[]>();
  for (const nic of machines.flatMap((machine) => nics[machine])) {
    macs.set(nic.name, [...(macs.get(nic.name) ?? []), nic.mac]);
  }
  for (const [name, addresses] of macs) {
    files[`10-${name}.link`] = `[Match]\nMACAddress=${addresses.join(" ")}\n[Link]\nName=${name}\n`;
  }
  return files;
}

/**
 * Names an image by everything that decides its content, apart from the versions that Debian's mirror has that day:
 * those are recorded in the image's `packages.txt`, and a security update doesn't rebuild everyone's lab.
 */
export function recipeHash(downloads: readonly Artefact[] = artefacts): string {
  const digests = downloads.map(({ sha256 }) => sha256);
  const recipe = JSON.stringify([suite, packages, digests, excludedPaths, recipeFiles()]);
  return createHash("sha256").update(recipe).digest("hex").slice(0, 12);
}
