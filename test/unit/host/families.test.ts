import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesFor, packagesFor, type Software, systemParts } from "../../../components/host/families";
import type { OsFamily } from "../../../components/host/host";
import type { Manifest } from "../../../components/host/manifest";
import { linkManifest } from "../../../components/link/manifest";
import { fromLa, linkSettings } from "../link/fixtures";

const FAMILIES: readonly OsFamily[] = ["debian", "ubuntu", "rhel", "centos7"];
const SOFTWARE: readonly Software[] = [
  "strongswan",
  "frr",
  "nftables",
  "iproute",
  "ping",
  "openssl",
  "keepalived",
  "postgresql",
  "chrony",
];

function link(family: OsFamily): Manifest {
  return linkManifest({
    view: { ...fromLa, local: { ...fromLa.local, family } },
    link: linkSettings(),
    keys: { send: "c2VudA==", accept: [] },
    sshFrom: ["192.0.2.0/24"],
    sshPort: 22,
    gate: { budgetMs: 190, lossLimitPercent: 1 },
    health: { intervalSeconds: 15, textfileDirectory: "/var/lib/node" },
  });
}

/** Fingerprint of an OpenPGP key of version 4, by its first packet (RFC 4880, 4.2, 5.5.2 and 12.2). */
function fingerprint(armoured: string): string {
  const [, body] = /\n\r?\n([A-Za-z0-9+/=\s]+?)\n=/.exec(armoured)!;
  const bytes = Buffer.from(body!, "base64");
  // An old packet of tag 6 with a length of two octets.
  expect(bytes[0]).toBe(0x99);
  const length = bytes.readUInt16BE(1);
  expect(bytes[3]).toBe(4);
  return createHash("sha1")
    .update(bytes.subarray(0, 3 + length))
    .digest("hex")
    .toUpperCase();
}

test.each(FAMILIES)("what %s has for each software", (family) => {
  const each = SOFTWARE.map((name) => [
    name,
    {
      packages: packagesFor(family, [name]),
      files: filesFor(family, [name]),
      ...systemParts(family, [name]),
    },
  ]);
  const withoutKeys = (_name: string, value: unknown): unknown =>
    typeof value === "string" && value.includes("PGP PUBLIC KEY") ? fingerprint(value) : value;
  expect(JSON.stringify(Object.fromEntries(each), withoutKeys, 2)).toMatchSnapshot();
});

test("signing keys are those that their owners publish", () => {
  const directory = join(__dirname, "../../../components/host/signingKeys");
  const found = readdirSync(directory).map((name) => [
    name,
    fingerprint(readFileSync(join(directory, name), "utf8")),
  ]);
  expect(Object.fromEntries(found)).toEqual({
    "epel-7.asc": "91E97D7C4A5E96F17F3E888F6A2FAEA2352C64E5",
    "epel-9.asc": "FF8AD1344597106ECE813B918A3872BF3228467C",
    "pgdg-apt.asc": "B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8",
    "pgdg-rhel.asc": "D4BF08AE67A0B4C7A1DBCCD240BCA2B408B40D20",
  });
});

test.each(FAMILIES)("%s: a repository is verified by a key that comes with it, over https", (family) => {
  const files = systemParts(family, SOFTWARE).repositories ?? [];
  const paths = files.map(({ path }) => path);
  for (const { path, content } of files.filter((file) => /\.(repo|list)$/.test(file.path))) {
    const [, keyFile] = (path.endsWith(".repo") ? /^gpgkey=file:\/\/(.*)$/m : /signed-by=([^\]]*)\]/).exec(
      content,
    )!;
    expect(paths).toContain(keyFile);
    expect(content).toContain("https://");
    expect(content).not.toContain("http://");
    if (path.endsWith(".repo")) expect(content).toMatch(/^gpgcheck=1$[^]*^includepkgs=\S+/m);
  }
});

test("Debian needs nothing but packages", () => {
  expect(systemParts("debian", SOFTWARE)).toEqual({});
  expect(filesFor("debian", SOFTWARE)).toEqual([]);
  expect(Object.keys(link("debian"))).toEqual([
    "component",
    "packages",
    "files",
    "sysctl",
    "checks",
    "units",
    "teardown",
    "verify",
    "confirm",
  ]);
});

test("the link on Ubuntu is Debian's", () => {
  expect(link("ubuntu")).toEqual(link("debian"));
});

test.each(["rhel", "centos7"] as const)("the link on %s beside Debian's", (family) => {
  const debian = new Map(link("debian").files.map((file) => [file.path, file.content]));
  const { files, conflicts } = link(family);
  const other = files.filter(({ path, content }) => debian.get(path) !== content);
  expect({ conflicts, other }).toMatchSnapshot();
  expect([...debian.keys()].filter((path) => !files.some((file) => file.path === path))).toEqual([]);
});

test("GRE in the clear is dropped both ways, by nftables or by iptables", () => {
  for (const family of FAMILIES) {
    const text = link(family)
      .files.map(({ content }) => content)
      .join("\n");
    const byNftables = [
      "meta secpath missing counter",
      "rt ipsec missing counter name gre_clear_dropped drop",
    ];
    const byIptables = ["rule -I INPUT in", "rule -I OUTPUT out", "-p gre -m policy --dir"];
    const expected = family === "centos7" ? byIptables : byNftables;
    const others = family === "centos7" ? byNftables : byIptables;
    expect(expected.filter((part) => !text.includes(part))).toEqual([]);
    expect(others.filter((part) => text.includes(part))).toEqual([]);
  }
});

test.each(FAMILIES)("%s: sh reads the scripts, and Python the programs", (family) => {
  for (const { path, content } of link(family).files) {
    if (content.startsWith("#!/bin/sh")) execFileSync("sh", ["-n"], { input: content });
    if (path.endsWith(".py") || content.startsWith('"""')) {
      execFileSync("python3", ["-c", "import ast, sys; ast.parse(sys.stdin.read())"], { input: content });
    }
  }
});
