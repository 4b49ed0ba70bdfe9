import * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import { Component } from "../../component";
import { cloudName, labelsOf, type Owner } from "../naming";
import { HEALTH_PORT } from "./firewall";
import type { GcpMachine } from "./machine";

/** Seconds between health checks, and how many in a row change a gateway's state: 10 s until the other takes over. */
const CHECK_INTERVAL_SECONDS = 5;
const CHECKS_IN_A_ROW = 2;

/** Before the default of 1000, so that nobody's own route for the same range wins by chance. */
const ROUTE_PRIORITY = 100;

export interface GcpNextHopArgs {
  readonly owner: Owner;
  readonly project: string;
  readonly region: string;
  readonly network: pulumi.Input<string>;
  readonly subnet: pulumi.Input<string>;
  /** The gateways, in order of preference. One or two. */
  readonly gateways: readonly GcpMachine[];
  /** Address of the load balancer before two gateways, in the site's range. */
  readonly address: string;
  /** Ranges that lead to the gateway, by a word for each. */
  readonly destinations: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * The way out of the site's network to the other site: routes to the gateway, or with two to a load balancer that
 * hands everything to the first one that is well.
 */
export class GcpNextHop extends Component {
  constructor(name: string, args: GcpNextHopArgs, options?: pulumi.ComponentResourceOptions) {
    super("GcpNextHop", name, {}, options);
    const { owner, project, network, gateways } = args;
    const nextHop =
      gateways.length > 1
        ? { nextHopIlb: this.loadBalancer(args) }
        : { nextHopInstance: gateways[0]!.instance.selfLink };
    for (const [what, destRange] of Object.entries(args.destinations)) {
      new gcp.compute.Route(
        this.childName(what),
        {
          name: cloudName(owner, `to-${what}`),
          project,
          network,
          destRange,
          priority: ROUTE_PRIORITY,
          description: `The way to ${what} is by the gateway.`,
          ...nextHop,
        },
        this.child(),
      );
    }
    this.registerOutputs({});
  }

  /** An internal passthrough load balancer for packets of any protocol, with the second gateway as its spare. */
  private loadBalancer(args: GcpNextHopArgs): pulumi.Output<string> {
    const { owner, project, region, network, subnet } = args;
    const named = { name: cloudName(owner, "next-hop"), project, region };
    const check = new gcp.compute.RegionHealthCheck(
      this.childName("check"),
      {
        ...named,
        description: "Whether a gateway's BGP listens.",
        checkIntervalSec: CHECK_INTERVAL_SECONDS,
        timeoutSec: CHECK_INTERVAL_SECONDS,
        healthyThreshold: CHECKS_IN_A_ROW,
        unhealthyThreshold: CHECKS_IN_A_ROW,
        tcpHealthCheck: { port: HEALTH_PORT },
      },
      this.child(),
    );
    const groups = args.gateways.map(
      ({ machineName, zone, instance }) =>
        new gcp.compute.InstanceGroup(
          this.childName(machineName),
          { name: cloudName(owner, machineName), project, zone, network, instances: [instance.selfLink] },
          this.child(),
        ),
    );
    const backend = new gcp.compute.RegionBackendService(
      this.childName("backend"),
      {
        ...named,
        loadBalancingScheme: "INTERNAL",
        protocol: "UNSPECIFIED",
        network,
        healthChecks: check.id,
        backends: groups.map(({ id }, index) => ({
          group: id,
          balancingMode: "CONNECTION",
          failover: index > 0,
        })),
      },
      this.child(),
    );
    return new gcp.compute.ForwardingRule(
      this.childName("rule"),
      {
        ...named,
        loadBalancingScheme: "INTERNAL",
        ipProtocol: "L3_DEFAULT",
        allPorts: true,
        network,
        subnetwork: subnet,
        ipAddress: args.address,
        backendService: backend.id,
        labels: labelsOf(owner, "gateway"),
      },
      this.child(),
    ).selfLink;
  }
}
