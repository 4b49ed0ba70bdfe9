import * as pulumi from "@pulumi/pulumi";
import { dynamicProvider } from "./dynamic";
import type { ReplicationFacts } from "./postgres/facts";
import type { ReplicationGateInputs, ReplicationGateOutputs } from "./probes/replicationGate";

export interface ReplicationGateArgs {
  /** The databases, as they were deployed. Kept as a secret. */
  readonly databases: pulumi.Input<ReplicationFacts>;
  /** Changes whenever the databases' configuration does; replication is then measured again. No secret may be read from it. */
  readonly fingerprint: pulumi.Input<string>;
  /**
   * `always` measures at every deployment; every preview then shows a change of this resource.
   * @default onChange
   */
  readonly measure?: pulumi.Input<ReplicationGateInputs["measure"]>;
  /** Rows sent each way whose median is the lag, 1 to 20. @default 5 */
  readonly beats?: pulumi.Input<number>;
  /** Longest wait for subscriptions and first copies after the databases were configured, s. @default 300 */
  readonly deadlineSeconds?: pulumi.Input<number>;
}

/**
 * The deployment gate of two replicated databases: creating or updating it waits for the subscriptions, sends rows both
 * ways, compares the rows of both sides, and fails the deployment with a diagnosis when replication is down, incomplete or
 * slower than its budget. Deleting it does nothing.
 *
 * `refresh` never fails for bad replication. It keeps the figures while the verdict is the same, so that it is clean; it
 * stores another verdict, which makes the next deployment measure again.
 */
export class ReplicationGate extends pulumi.dynamic.Resource {
  /** Median time from a commit on one side to its being seen on the other, ms, by the side that wrote. */
  declare readonly lagMs: pulumi.Output<ReplicationGateOutputs["lagMs"]>;
  /** Writes that lost against another, as recorded on both sides. */
  declare readonly conflicts: pulumi.Output<number>;
  /** Tables whose rows were compared and are the same. */
  declare readonly tables: pulumi.Output<number>;
  /** Tables that were not compared, because they are larger than the limit. */
  declare readonly unchecked: pulumi.Output<string[]>;
  /** When the figures were taken, ISO 8601. */
  declare readonly measuredAt: pulumi.Output<string>;
  declare readonly verdict: pulumi.Output<ReplicationGateOutputs["verdict"]>;

  constructor(name: string, args: ReplicationGateArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/probes/replicationGate.ts"),
      name,
      {
        databases: pulumi.secret(args.databases),
        fingerprint: args.fingerprint,
        measure: args.measure ?? "onChange",
        beats: args.beats ?? 5,
        deadlineSeconds: args.deadlineSeconds ?? 300,
        lagMs: undefined,
        conflicts: undefined,
        tables: undefined,
        unchecked: undefined,
        measuredAt: undefined,
        verdict: undefined,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["databases"] }),
      "crossborder",
      "ReplicationGate",
    );
  }
}
