import type * as pulumi from "@pulumi/pulumi";
import { type Admission, EVERYWHERE } from "../site";

/** Ranges that Google's health checks come from (Google's page on health checks: probe ranges). */
export const HEALTH_CHECK_RANGES = ["35.191.0.0/16", "130.211.0.0/22"] as const;

/** The range that TCP forwarding of Identity-Aware Proxy comes from (Google's page on IAP for TCP). */
export const IAP_RANGE = "35.235.240.0/20";

/** BGP's port (RFC 4271). A gateway that listens there carries the link, or could. */
export const HEALTH_PORT = 179;

/** UDP ports of IKE, and of IKE and ESP behind NATs (RFC 7296, RFC 3948). */
const IKE_PORTS = ["500", "4500"];

/** Machines that a rule is for. */
export type Role = "gateway" | "host";

/** One rule that lets something in. Whatever no rule lets in, the network refuses. */
export interface FirewallRule {
  /** What is let in, in a word; a part of the rule's name. */
  readonly name: string;
  readonly description: string;
  readonly sourceRanges: readonly pulumi.Input<string>[];
  readonly to: readonly Role[];
  readonly allows: readonly { readonly protocol: string; readonly ports?: readonly string[] }[];
}

export interface FirewallInputs {
  /** The site's own range. */
  readonly cidr: string;
  /** The other site: its gateway's public address as a range, and its private range. */
  readonly peer: { readonly gateway: pulumi.Input<string>; readonly cidr: pulumi.Input<string> };
  /** Where operators log in from. */
  readonly sshFrom: readonly string[];
  readonly sshPort: number;
  /** Port of the gateways' proxies, open to the peer. Absent while the backup path is off. */
  readonly backupPort?: number;
  /** What Google itself has to reach on the gateways. */
  readonly admits: readonly Admission[];
  /** TCP ports that are open to everybody. */
  readonly publicPorts: readonly number[];
}

/** What Google itself has to reach on the gateways: its own way in for SSH, and health checks before two gateways. */
export function admissions(set: { iap: boolean; sshPort: number; gateways: number }): Admission[] {
  return [
    ...(set.iap ? [{ from: [IAP_RANGE], port: set.sshPort }] : []),
    ...(set.gateways > 1 ? [{ from: HEALTH_CHECK_RANGES, port: HEALTH_PORT }] : []),
  ];
}

const EVERYTHING_ROUTED = [{ protocol: "tcp" }, { protocol: "udp" }, { protocol: "icmp" }];

/** All that a site's network lets in: of the Internet the other site, operators and, at the users' ports, everybody. */
export function firewallRules(inputs: FirewallInputs): FirewallRule[] {
  const { cidr, peer, sshFrom, sshPort, backupPort, admits, publicPorts } = inputs;
  const peerOnly = [peer.gateway];
  return [
    {
      name: "ssh",
      description: "SSH from the operators' ranges.",
      sourceRanges: sshFrom,
      to: ["gateway"],
      allows: [{ protocol: "tcp", ports: [String(sshPort)] }],
    },
    {
      name: "ike",
      description: "IKE and ESP in UDP from the other site's gateway.",
      sourceRanges: peerOnly,
      to: ["gateway"],
      allows: [{ protocol: "udp", ports: IKE_PORTS }],
    },
    {
      // A rule can't name ICMP's types; the gateway's own firewall admits echo and "unreachable" alone.
      name: "icmp",
      description: "Echo and fragmentation-needed from the other site's gateway.",
      sourceRanges: peerOnly,
      to: ["gateway"],
      allows: [{ protocol: "icmp" }],
    },
    ...(backupPort === undefined
      ? []
      : [
          {
            name: "backup",
            description: "The backup path's proxy, from the other site's gateway.",
            sourceRanges: peerOnly,
            to: ["gateway" as const],
            allows: [{ protocol: "tcp", ports: [String(backupPort)] }],
          },
        ]),
    ...admits.map(({ from, port }) => ({
      name: `google-${port}`,
      description: `Google's own ranges to port ${port}.`,
      sourceRanges: from,
      to: ["gateway" as const],
      allows: [{ protocol: "tcp", ports: [String(port)] }],
    })),
    ...publicPorts.map((port) => ({
      name: `users-${port}`,
      description: "The service, for its users.",
      sourceRanges: [EVERYWHERE],
      to: ["gateway" as const],
      allows: [{ protocol: "tcp", ports: [String(port)] }],
    })),
    {
      name: "internal",
      description: "The site's own machines, and what they send to the other site or the service address.",
      sourceRanges: [cidr],
      to: ["gateway", "host"],
      allows: EVERYTHING_ROUTED,
    },
    {
      name: "from-peer",
      description: "The other site's machines, whose packets the gateway took out of the tunnel.",
      sourceRanges: [peer.cidr],
      to: ["host"],
      allows: EVERYTHING_ROUTED,
    },
  ];
}
