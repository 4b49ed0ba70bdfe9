import * as pulumi from "@pulumi/pulumi";
import { CONFIRM_MARGIN_SECONDS } from "../../providers/commit/twoPhase";
import { HostCommit } from "../../providers/hostCommit";
import type { HostConfiguration } from "./configuration";

/** @default of `confirmWithinSeconds`: BFD and IKE come up within a few seconds; slow machines and oceans get a multiple. */
const CONFIRM_WITHIN_SECONDS = 90;

export interface TwoPhaseCommitArgs {
  /**
   * Configurations of phase `stage`, one for each host that has to change together with the others. Those out of service
   * stay as they are, and the rest commits without them.
   */
  readonly hosts: readonly HostConfiguration[];
  /** A host that is not confirmed within this time undoes its commit, s, 20 or more. @default 90 */
  readonly confirmWithinSeconds?: pulumi.Input<number>;
  /**
   * All hosts have to be ready within this time after their commits, s. At least 10 less than
   * `confirmWithinSeconds`. @default 10 less
   */
  readonly readyWithinSeconds?: pulumi.Input<number>;
}

/** Makes what several HostConfigurations staged current on all of their hosts, or on none. */
export class TwoPhaseCommit extends HostCommit {
  constructor(name: string, args: TwoPhaseCommitArgs, opts?: pulumi.CustomResourceOptions) {
    const hosts = args.hosts.filter(({ host }) => !host.outOfService);
    const confirmWithinSeconds = pulumi.output(args.confirmWithinSeconds ?? CONFIRM_WITHIN_SECONDS);
    super(
      name,
      {
        hosts: hosts.map(({ host, component, generation, staged }) =>
          pulumi.output({ name: host.name, component, generation, staged }),
        ),
        connections: pulumi
          .all(hosts.map(({ host }) => host.connection))
          .apply((connections) =>
            Object.fromEntries(connections.map((connection, index) => [hosts[index]!.host.name, connection])),
          ),
        confirmWithinSeconds,
        readyWithinSeconds:
          args.readyWithinSeconds ??
          confirmWithinSeconds.apply((seconds) => seconds - CONFIRM_MARGIN_SECONDS),
      },
      opts,
    );
  }
}
