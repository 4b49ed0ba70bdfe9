import type { OsFamily } from "./host";

/** What a component needs from the operating system, by the field's name for it. */
export type Software =
  "strongswan" | "frr" | "nftables" | "iproute" | "ping" | "openssl" | "keepalived" | "postgresql" | "chrony";

/**
 * The packages of each family. Debian's strongswan-swanctl alone brings no daemon: charon-systemd is the one that
 * swanctl speaks to.
 */
const packages: Readonly<Record<OsFamily, Readonly<Record<Software, readonly string[]>>>> = {
  debian: {
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
  rhel: {
    strongswan: ["strongswan"],
    frr: ["frr"],
    nftables: ["nftables"],
    iproute: ["iproute"],
    ping: ["iputils"],
    openssl: ["openssl"],
    keepalived: ["keepalived"],
    postgresql: ["postgresql15-server", "pglogical_15"],
    chrony: ["chrony"],
  },
};

/** Names of the packages that hold the software in a family. */
export function packagesFor(family: OsFamily, software: readonly Software[]): string[] {
  return software.flatMap((name) => packages[family][name]);
}
