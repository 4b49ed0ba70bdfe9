/**
 * The lab's network, as data. Two sites hang on the machine `wan`, which plays three parts in namespaces of their own:
 * each site's cloud (`vpc-la`, `vpc-sg`: router, route table, 1:1 NAT), a client in each site that is no gateway
 * (`client-la`, `client-sg`), and, in the root namespace, the Internet with its ocean.
 */

/** The machines, in the order in which they are shown. */
export const machines = ["la", "sg", "wan"] as const;
export type Machine = (typeof machines)[number];

/** The sites. */
export const siteNames = ["la", "sg"] as const;
export type SiteName = (typeof siteNames)[number];

/** Hosts in namespaces of `wan` that stand in a site's network and are no gateway. */
export const clients = ["client-la", "client-sg"] as const;
export type Client = (typeof clients)[number];

/** A site as its cloud sees it. Addresses are IPv4; prefix length is always 24. */
export interface SitePlan {
  readonly name: SiteName;
  /** The private network, e.g. `10.10.0.0/24`. */
  readonly cidr: string;
  /** The cloud's router in it, which also serves time. */
  readonly router: string;
  readonly gateway: string;
  readonly client: string;
  /** The addresses that the Internet routes to this cloud. */
  readonly publicCidr: string;
  /** The router's own public address, the source of its ICMP errors. */
  readonly publicRouter: string;
  /** Translated 1:1 to the gateway. */
  readonly publicGateway: string;
  /** Shared by everything else in the site that talks to the Internet. */
  readonly publicMasquerade: string;
  /** MTU in bytes of the private network; the cloud's uplink has 1500. Google's VPCs have 1460 by default. */
  readonly mtu: number;
  /** First address of the two of the link between the cloud and the Internet, of shared address space (RFC 6598). */
  readonly uplink: { readonly internet: string; readonly cloud: string };
}

export const sites: Readonly<Record<SiteName, SitePlan>> = {
  la: {
    name: "la",
    cidr: "10.10.0.0/24",
    router: "10.10.0.1",
    gateway: "10.10.0.2",
    client: "10.10.0.50",
    publicCidr: "198.51.100.0/24",
    publicRouter: "198.51.100.1",
    publicGateway: "198.51.100.10",
    publicMasquerade: "198.51.100.50",
    mtu: 1460,
    uplink: { internet: "100.64.1.1", cloud: "100.64.1.2" },
  },
  sg: {
    name: "sg",
    cidr: "10.20.0.0/24",
    router: "10.20.0.1",
    gateway: "10.20.0.2",
    client: "10.20.0.50",
    publicCidr: "203.0.113.0/24",
    publicRouter: "203.0.113.1",
    publicGateway: "203.0.113.10",
    publicMasquerade: "203.0.113.50",
    mtu: 1500,
    uplink: { internet: "100.64.2.1", cloud: "100.64.2.2" },
  },
};

/** The service address that moves between the sites; each VPC's route table sends it to the site's gateway. */
export const serviceAddress = "10.0.0.100";

/** MTU of the Internet and of the clouds' uplinks, in bytes. */
export const internetMtu = 1500;

/** The address at which every machine sees the management network; SSH arrives from 10.0.2.2. */
export const managementAddress = "10.0.2.15";

/** The other site. */
export function peerOf(site: SiteName): SiteName {
  return site === "la" ? "sg" : "la";
}

/** Name, in the root namespace of `wan`, of the interface from the Internet to a site's cloud. */
export function uplinkDevice(site: SiteName): string {
  return `ocean-${site}`;
}

/** A machine's network card: its MAC address, its name in the guest, and where its wire goes. */
export interface Nic {
  readonly name: string;
  readonly mac: string;
  /** The site whose wire this is; the management network when absent. */
  readonly wire?: SiteName;
}

/** The network cards of each machine. The guest names them by MAC address. */
export const nics: Readonly<Record<Machine, readonly Nic[]>> = {
  la: [
    { name: "mgmt", mac: "52:54:00:aa:00:01" },
    { name: "net0", mac: "52:54:00:bb:00:01", wire: "la" },
  ],
  sg: [
    { name: "mgmt", mac: "52:54:00:aa:00:02" },
    { name: "net0", mac: "52:54:00:bb:00:02", wire: "sg" },
  ],
  wan: [
    { name: "mgmt", mac: "52:54:00:aa:00:03" },
    { name: "to-la", mac: "52:54:00:cc:00:01", wire: "la" },
    { name: "to-sg", mac: "52:54:00:cc:00:02", wire: "sg" },
  ],
};
