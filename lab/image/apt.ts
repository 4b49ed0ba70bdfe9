import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { suite } from "./recipe";

const wantedSuites = [suite, `${suite}-updates`, `${suite}-security`];

/** Used on a machine that has no source of the wanted release, such as another distribution. */
const publicSources = `Types: deb
URIs: http://deb.debian.org/debian
Suites: ${suite} ${suite}-updates
Components: main

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: ${suite}-security
Components: main
`;

/** Keeps the stanzas of a deb822 file that serve binaries of the wanted release's main component. */
export function debianStanzas(deb822: string): string[] {
  return deb822
    .split(/\n\s*\n/)
    .map((stanza) =>
      stanza
        .split("\n")
        .filter((line) => line.trim() !== "" && !line.startsWith("#"))
        .join("\n"),
    )
    .filter((stanza) => {
      const field = (name: string): string[] =>
        (new RegExp(`^${name}:(.*)$`, "im").exec(stanza)?.[1] ?? "").trim().split(/\s+/);
      return (
        field("Types").includes("deb") &&
        field("Suites").some((name) => wantedSuites.includes(name)) &&
        field("Components").includes("main") &&
        field("Enabled")[0] !== "no"
      );
    });
}

/** Keeps the lines of a one-line-style file that serve binaries of the wanted release's main component. */
export function debianLines(list: string): string[] {
  return list.split("\n").filter((line) => {
    const found = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line.trim());
    return (
      found !== null &&
      wantedSuites.includes(found[2] ?? "") &&
      (found[3] ?? "").split(/\s+/).includes("main")
    );
  });
}

/** The machine's own Debian sources for the image's release, as text for a `.list` and a `.sources` file. */
export function debianSources(etc = "/etc/apt"): { list: string; deb822: string } {
  const directory = path.join(etc, "sources.list.d");
  const parts = existsSync(directory) ? readdirSync(directory).sort() : [];
  const files = [path.join(etc, "sources.list"), ...parts.map((name) => path.join(directory, name))].filter(
    (file) => existsSync(file),
  );
  const lines = files
    .filter((file) => file.endsWith(".list"))
    .flatMap((file) => debianLines(readFileSync(file, "utf8")));
  const stanzas = files
    .filter((file) => file.endsWith(".sources"))
    .flatMap((file) => debianStanzas(readFileSync(file, "utf8")));
  if (lines.length + stanzas.length === 0) return { list: "", deb822: publicSources };
  return { list: lines.map((line) => line + "\n").join(""), deb822: stanzas.join("\n\n") + "\n" };
}

/** The machine's own way to its mirror (proxies, how it authenticates, clock checks), as apt configuration. */
export function aptTransport(): string {
  const dump = execFileSync("apt-config", ["dump", "Acquire"], { encoding: "utf8" });
  const own = /^Acquire::((https?|ftp)::|Check-|Retries)/i;
  return [...dump.split("\n").filter((line) => own.test(line)), 'Acquire::Languages "none";', ""].join("\n");
}
