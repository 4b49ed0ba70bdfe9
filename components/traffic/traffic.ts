import * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import type { TrafficSettings } from "../../settings/schema";
import { Component } from "../component";
import { checkName, healthCheck, routingPolicy, type Target } from "./plan";

export interface TrafficArgs {
  /** Name of the stack, a part of the health check's name. */
  readonly stack: string;
  /** Google Cloud project of the zone. */
  readonly project: string;
  readonly traffic: TrafficSettings;
  /** The sites that users are sent to. At least one; all of them with a share, or none. */
  readonly targets: readonly Target[];
  /** Refuse to delete or replace the users' name. */
  readonly protect: boolean;
}

/**
 * The name that users know, in a zone of Cloud DNS that exists: an A record that leads each of them to a site that is
 * well. It waits for nothing but the sites' addresses, so that a site can be drained while the link is broken.
 */
export class Traffic extends Component {
  readonly targets: readonly Target[];

  constructor(name: string, args: TrafficArgs, options?: pulumi.ComponentResourceOptions) {
    super("Traffic", name, {}, options);
    const { stack, project, traffic, targets } = args;
    this.targets = targets;
    const check = new gcp.compute.HealthCheck(
      this.childName("check"),
      {
        name: checkName(stack),
        project,
        description: `Whether a site of stack ${stack} serves users.`,
        ...healthCheck(traffic),
      },
      this.child(),
    );
    new gcp.dns.RecordSet(
      this.childName("record"),
      {
        project,
        managedZone: traffic.zone,
        name: `${traffic.name}.`,
        type: "A",
        ttl: traffic.ttlSeconds,
        routingPolicy: routingPolicy(targets, check.id),
      },
      this.child({ protect: args.protect }),
    );
    this.registerOutputs({ name: traffic.name });
  }
}
