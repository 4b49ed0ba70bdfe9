import * as pulumi from "@pulumi/pulumi";
import type * as tencentcloud from "@pulumi/tencentcloud";
import { EVERYWHERE } from "../site";

/** Ports of IKE, and of IKE and ESP behind NATs (RFC 7296, RFC 3948). */
const IKE_PORTS = "500,4500";

export interface FirewallInputs {
  /** The site's own range. */
  readonly cidr: string;
  /** The other site: its gateway's public address, and its private range. */
  readonly peer: { readonly publicAddress: pulumi.Input<string>; readonly cidr: pulumi.Input<string> };
  /** Where operators log in from. */
  readonly sshFrom: readonly string[];
  readonly sshPort: number;
  /** Port of the gateways' proxies, open to the peer. Absent while the backup path is off. */
  readonly backupPort?: number;
  /** TCP ports that are open to everybody. */
  readonly publicPorts: readonly number[];
}

/** One rule of a security group. The first that fits decides. */
type Rule = tencentcloud.types.input.SecurityGroupRuleSetIngress;

function accept(
  description: string,
  cidrBlock: pulumi.Input<string>,
  protocol: "TCP" | "UDP" | "ICMP" | "ALL",
  port = "ALL",
): Rule {
  return { action: "ACCEPT", cidrBlock, protocol, port, description };
}

/** All that the gateways' security group lets in, in order; the last rule refuses the rest. */
export function ingressRules(inputs: FirewallInputs): Rule[] {
  const { cidr, peer, sshFrom, sshPort, backupPort, publicPorts } = inputs;
  const peerOnly = pulumi.interpolate`${peer.publicAddress}/32`;
  return [
    ...sshFrom.map((range) => accept("SSH from the operators' ranges", range, "TCP", String(sshPort))),
    accept("IKE and ESP in UDP from the other site's gateway", peerOnly, "UDP", IKE_PORTS),
    // A rule can't name ICMP's types; the gateway's own firewall admits echo and "unreachable" alone.
    accept("Echo and fragmentation-needed from the other site's gateway", peerOnly, "ICMP"),
    ...(backupPort === undefined
      ? []
      : [
          accept(
            "The backup path's proxy, from the other site's gateway",
            peerOnly,
            "TCP",
            String(backupPort),
          ),
        ]),
    ...publicPorts.map((port) => accept("The service, for its users", EVERYWHERE, "TCP", String(port))),
    accept("The site's own machines", cidr, "ALL"),
    accept("The other site's machines, whose packets a gateway took out of the tunnel", peer.cidr, "ALL"),
    { action: "DROP", cidrBlock: EVERYWHERE, protocol: "ALL", port: "ALL", description: "All the rest" },
  ];
}

/** What the gateways may send: the guard of what leaves them is on the hosts, where it knows IPsec from other packets. */
export function egressRules(): Rule[] {
  return [accept("Packages, time, the other site", EVERYWHERE, "ALL")];
}
