import * as pulumi from "@pulumi/pulumi";
import type { CommitInputs, CommitOutputs } from "./commit/provider";
import { dynamicProvider } from "./dynamic";

/** What HostCommit is told; see CommitInputs. */
export interface HostCommitArgs {
  readonly hosts: pulumi.Input<pulumi.Input<CommitInputs["hosts"][number]>[]>;
  /** Kept as a secret. */
  readonly connections: pulumi.Input<CommitInputs["connections"]>;
  readonly confirmWithinSeconds: pulumi.Input<number>;
  readonly readyWithinSeconds: pulumi.Input<number>;
}

/**
 * Makes staged generations current on several hosts, or on none: see `commitTogether`. Creating or updating it fails
 * when the hosts went back. Deleting it does nothing: what is on the hosts goes with what staged it.
 */
export class HostCommit extends pulumi.dynamic.Resource {
  /** The generation that was confirmed on each host, by the host's name. */
  declare readonly committed: pulumi.Output<CommitOutputs["committed"]>;

  constructor(name: string, args: HostCommitArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/commit/provider.ts"),
      name,
      { ...args, connections: pulumi.secret(args.connections), committed: undefined },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["connections"] }),
      "crossborder",
      "HostCommit",
    );
  }
}
