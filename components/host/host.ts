import type * as pulumi from "@pulumi/pulumi";
import type { SshConnection } from "../../providers/ssh/session";

/**
 * Families of operating systems whose packages, units and paths differ. The one table of those differences is
 * `families.ts`.
 */
export type OsFamily = "debian" | "ubuntu" | "rhel" | "centos7";

/** A machine that the program configures over SSH. Who made it (a cloud, the lab, an operator) does not show here. */
export interface Host {
  /** Unique in the stack, `<site>-<role><n>`, e.g. `la-gw1`. Part of the names of the host's resources. */
  readonly name: string;
  /** Name of the site that the host stands in. */
  readonly site: string;
  readonly family: OsFamily;
  /** The host's own IPv4 address inside the site's network. Known before the host is, because it is planned. */
  readonly privateAddress: string;
  /** The interface that carries `privateAddress`, and its MTU in bytes. */
  readonly underlay: { readonly interface: string; readonly mtu: number };
  /** Its site is out of service: nothing is run on it, and what the state knows of it stays. */
  readonly outOfService: boolean;
  /** Number of the machine that is the host: 1, and a higher one once an empty machine took its place. */
  readonly machine: number;
  /** How to reach the host. Its private key is a secret. */
  readonly connection: pulumi.Output<SshConnection>;
}
