import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OsFamily } from "./host";
import type { FileLabel, HostFile } from "./manifest";

/** What a component needs from the operating system, by the field's name for it. */
export type Software =
  "strongswan" | "frr" | "nftables" | "iproute" | "ping" | "openssl" | "keepalived" | "postgresql" | "chrony";

/** Everything that is another on another family of operating systems. */
interface Family {
  /** Names of the packages that hold the software. */
  readonly packages: Readonly<Record<Software, readonly string[]>>;
  /** Repositories for software that the distribution lacks, or has too old. None is the distribution's own. */
  readonly repositories: Readonly<Partial<Record<Software, readonly HostFile[]>>>;
  /** systemd units that packages bring. */
  readonly units: { readonly ssh: string; readonly chrony: string };
  /** What the packages of PostgreSQL bring. */
  readonly postgresql: PostgresPackages;
  /** Files that lead the software of a family to where components write, which is where Debian's reads. */
  readonly files: Readonly<Partial<Record<Software, readonly HostFile[]>>>;
  /**
   * What tells GRE in IPsec from GRE in the clear: matches of nftables, or iptables' `policy` match where the kernel's nftables
   * has none.
   */
  readonly guard: "nftables" | "iptables";
  /** Units of other firewalls, which would refuse what ours accepts. */
  readonly otherFirewalls: readonly string[];
  /** Packages without which a machine can't be configured at all, as its image may be. */
  readonly python: readonly string[];
  /** Package with semanage(8), where the family has SELinux. */
  readonly semanage?: string;
  /** SELinux types of programs that systemd or daemons start, which are not their directory's. */
  readonly labels: readonly FileLabel[];
}

/** Where a family's packages have PostgreSQL. Its configuration is at Debian's place everywhere, and so are its socket and log. */
export interface PostgresPackages {
  /** The server's systemd unit. */
  readonly unit: string;
  /** Directory of its programs, of one version. */
  readonly binaries: string;
  /** What the server keeps. */
  readonly dataDirectory: string;
}

/** Programs that lead a family's software to Debian's places; systemd starts them. */
const PROGRAMS = "/usr/local/lib/crossborder/family";

function signingKey(name: string): string {
  return readFileSync(join(__dirname, "signingKeys", name), "utf8");
}

/**
 * A repository of dnf or yum, with its key, which is trusted for nothing else.
 * @param packages What may come from it.
 */
function rpmRepository(name: string, baseUrl: string, key: string, packages: readonly string[]): HostFile[] {
  const keyFile = `/etc/pki/rpm-gpg/crossborder-${name}.asc`;
  // Hotfixes: what the repository has isn't hidden by a module of the same software.
  const content = `[crossborder-${name}]
name=${name}, as crossborder uses it
baseurl=${baseUrl}
enabled=1
gpgcheck=1
gpgkey=file://${keyFile}
includepkgs=${packages.join(" ")}
module_hotfixes=1
`;
  return [
    { path: keyFile, content: signingKey(key), mode: "0644" },
    { path: `/etc/yum.repos.d/crossborder-${name}.repo`, content, mode: "0644" },
  ];
}

/** PostgreSQL's own repository for Debian and Ubuntu: 15 and what belongs to it, nothing else. */
function pgdgForUbuntu(release: string): HostFile[] {
  const keyFile = "/etc/apt/keyrings/crossborder-pgdg.asc";
  const url = "https://apt.postgresql.org/pub/repos/apt";
  const preferences = `Package: *
Pin: origin apt.postgresql.org
Pin-Priority: -1

Package: postgresql-15 postgresql-15-* postgresql-client-15 postgresql-common postgresql-common-dev postgresql-client-common libpq5
Pin: origin apt.postgresql.org
Pin-Priority: 500
`;
  return [
    { path: keyFile, content: signingKey("pgdg-apt.asc"), mode: "0644" },
    {
      path: "/etc/apt/sources.list.d/crossborder-pgdg.list",
      content: `deb [signed-by=${keyFile}] ${url} ${release}-pgdg main\n`,
      mode: "0644",
    },
    { path: "/etc/apt/preferences.d/crossborder-pgdg", content: preferences, mode: "0644" },
  ];
}

/** A file that has strongSwan read others (strongswan.conf(5)). */
function includes(path: string, others: string): HostFile {
  return { path, content: `include ${others}\n`, mode: "0644" };
}

/** Directory of the configuration of PostgreSQL, as Debian has it. */
const POSTGRES_CONFIGURATION = "/etc/postgresql/15/main";

/**
 * Leads PostgreSQL's own packages for the RHEL family to Debian's places: no cluster is made when they are installed, and its
 * configuration and log would be among the data.
 */
function asOnDebian({ unit, binaries, dataDirectory }: PostgresPackages): HostFile[] {
  const prepare = `${PROGRAMS}/postgresql`;
  const script = `#!/bin/sh
# Makes what Debian's package makes when it is installed: a cluster, where there is none, and the directory of its log.
set -eu
[ -e ${dataDirectory}/PG_VERSION ] ||
  PGSETUP_INITDB_OPTIONS='--encoding=UTF8 --locale=C.UTF-8' ${binaries}/postgresql-15-setup initdb
install -d -o postgres -g postgres -m 0750 /var/log/postgresql
[ ! -x /usr/sbin/restorecon ] || /usr/sbin/restorecon -R /etc/postgresql /var/log/postgresql
`;
  const dropIn = `[Service]
# The package's own check refuses a cluster that isn't made yet.
ExecStartPre=
ExecStartPre=+${prepare}
ExecStart=
ExecStart=${binaries}/postgres -D ${dataDirectory} -c config_file=${POSTGRES_CONFIGURATION}/postgresql.conf
`;
  const configuration = `# What the package's own configuration says, and then what is said here.
include_if_exists = '${dataDirectory}/postgresql.conf'
hba_file = '${POSTGRES_CONFIGURATION}/pg_hba.conf'
ident_file = '${POSTGRES_CONFIGURATION}/pg_ident.conf'
include_dir = 'conf.d'
`;
  return [
    { path: prepare, content: script, mode: "0755" },
    { path: `/etc/systemd/system/${unit}.d/crossborder.conf`, content: dropIn, mode: "0644" },
    { path: `${POSTGRES_CONFIGURATION}/postgresql.conf`, content: configuration, mode: "0644" },
  ];
}

const POSTGRES_RPMS = ["postgresql15*", "pglogical_15*"];

/** Debian 12, whose own packages are all new enough. Its strongswan-swanctl alone brings no daemon: charon-systemd is the one. */
const debian: Family = {
  packages: {
    strongswan: ["strongswan-swanctl", "charon-systemd", "libstrongswan-standard-plugins"],
    frr: ["frr", "frr-pythontools"],
    nftables: ["nftables"],
    iproute: ["iproute2"],
    ping: ["iputils-ping"],
    openssl: ["openssl"],
    keepalived: ["keepalived"],
    postgresql: ["postgresql-15", "postgresql-15-pglogical"],
    chrony: ["chrony"],
  },
  repositories: {},
  units: { ssh: "ssh.service", chrony: "chrony.service" },
  postgresql: {
    unit: "postgresql@15-main.service",
    binaries: "/usr/lib/postgresql/15/bin",
    dataDirectory: "/var/lib/postgresql/15/main",
  },
  files: {},
  guard: "nftables",
  otherFirewalls: [],
  // The images have it: cloud-init is Python.
  python: [],
  labels: [],
};

/**
 * Programs below /usr/local/lib are libraries to SELinux, and what systemd starts of them would run without rights. charon reads
 * what is labelled as its own.
 */
const labels: readonly FileLabel[] = [
  { pattern: "/usr/local/lib/crossborder(/.*)?", type: "bin_t" },
  { pattern: "/etc/(swanctl|strongswan\\.d)(/.*)?", type: "ipsec_conf_file_t" },
  {
    pattern: "/usr/local/lib/crossborder/ha/(check|notify)\\.sh",
    type: "keepalived_unconfined_script_exec_t",
  },
];

const postgresqlRpms: PostgresPackages = {
  unit: "postgresql-15.service",
  binaries: "/usr/pgsql-15/bin",
  dataDirectory: "/var/lib/pgsql/15/data",
};

/** Red Hat Enterprise Linux 9 and what is built from it. strongSwan is in EPEL only, pglogical in PostgreSQL's repository only. */
const rhel: Family = {
  packages: {
    strongswan: ["strongswan"],
    frr: ["frr"],
    nftables: ["nftables"],
    iproute: ["iproute"],
    ping: ["iputils"],
    openssl: ["openssl"],
    keepalived: ["keepalived"],
    postgresql: ["postgresql15-server", "postgresql15-contrib", "pglogical_15"],
    chrony: ["chrony"],
  },
  repositories: {
    strongswan: rpmRepository(
      "epel",
      "https://dl.fedoraproject.org/pub/epel/9/Everything/$basearch/",
      "epel-9.asc",
      ["strongswan*"],
    ),
    postgresql: rpmRepository(
      "pgdg",
      "https://download.postgresql.org/pub/repos/yum/15/redhat/rhel-9-$basearch/",
      "pgdg-rhel.asc",
      POSTGRES_RPMS,
    ),
  },
  units: { ssh: "sshd.service", chrony: "chronyd.service" },
  postgresql: postgresqlRpms,
  files: {
    strongswan: [
      includes("/etc/strongswan/swanctl/conf.d/crossborder.conf", "/etc/swanctl/conf.d/*.conf"),
      includes("/etc/strongswan/strongswan.d/crossborder.conf", "/etc/strongswan.d/*.conf"),
    ],
    postgresql: asOnDebian(postgresqlRpms),
  },
  guard: "nftables",
  otherFirewalls: ["firewalld.service"],
  python: ["python3"],
  semanage: "policycoreutils-python-utils",
  labels,
};

/** The one table of what differs between families. */
const families: Readonly<Record<OsFamily, Family>> = {
  debian,
  // 22.04: strongSwan 5.9.5, FRR 8.1, keepalived 2.2.4 and chrony 4.2 do; its PostgreSQL is 14.
  ubuntu: { ...debian, repositories: { postgresql: pgdgForUbuntu("jammy") } },
  rhel,
  centos7: {
    ...rhel,
    packages: { ...rhel.packages, nftables: ["nftables", "iptables"] },
    repositories: {
      strongswan: rpmRepository(
        "epel",
        "https://archives.fedoraproject.org/pub/archive/epel/7/$basearch/",
        "epel-7.asc",
        ["strongswan*"],
      ),
    },
    guard: "iptables",
    semanage: "policycoreutils-python",
  },
};

/** What differs on a family, and is not a manifest's part as it is. */
export function familyOf(
  family: OsFamily,
): Pick<Family, "units" | "postgresql" | "guard" | "otherFirewalls" | "python" | "semanage"> {
  return families[family];
}

/** Files that a family's software needs beside the components' own; none on Debian. */
export function filesFor(family: OsFamily, software: readonly Software[]): HostFile[] {
  return software.flatMap((name) => families[family].files[name] ?? []);
}

/** Names of the packages that hold the software in a family, and of those that bring its files their labels. */
export function packagesFor(family: OsFamily, software: readonly Software[]): string[] {
  const { packages, semanage } = families[family];
  return [...software.flatMap((name) => packages[name]), ...(semanage === undefined ? [] : [semanage])];
}

/** What a manifest says of a family beside its packages; nothing on Debian. */
export function systemParts(
  family: OsFamily,
  software: readonly Software[],
): { readonly repositories?: readonly HostFile[]; readonly labels?: readonly FileLabel[] } {
  const repositories = software.flatMap((name) => families[family].repositories[name] ?? []);
  const { labels: wanted } = families[family];
  return {
    ...(repositories.length > 0 ? { repositories } : {}),
    ...(wanted.length > 0 ? { labels: wanted } : {}),
  };
}
