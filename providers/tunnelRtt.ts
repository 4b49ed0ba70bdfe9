import * as pulumi from "@pulumi/pulumi";
import { dynamicProvider } from "./dynamic";
import type { LinkFacts } from "./probes/facts";
import type { GateInputs, GateOutputs } from "./probes/gate";

export interface TunnelRttArgs {
  /** The link, as it was deployed. Kept as a secret. */
  readonly link: pulumi.Input<LinkFacts>;
  /** Changes whenever the link's configuration does; the link is then measured again. No secret may be read from it. */
  readonly fingerprint: pulumi.Input<string>;
  /**
   * `always` measures at every deployment; every preview then shows a change of this resource.
   * @default onChange
   */
  readonly measure?: pulumi.Input<GateInputs["measure"]>;
  /** Probes per measurement, 200 or more for a p99 that means something. @default 200 */
  readonly probes?: pulumi.Input<number>;
  /** Between probes, ms, 2 or more. @default 20 */
  readonly intervalMs?: pulumi.Input<number>;
  /** Longest wait for BFD and BGP after the link was configured, s. @default 90 */
  readonly deadlineSeconds?: pulumi.Input<number>;
}

/**
 * The deployment gate of a link: creating or updating it waits for the link's sessions, measures, and fails the
 * deployment with a diagnosis when the link is down, unencrypted or outside its limits. Deleting it does nothing.
 *
 * `refresh` never fails for a bad link. It keeps the figures of a link that is as it was, so that it is clean; it
 * stores the verdict on one that is not, which makes the next deployment measure again.
 */
export class TunnelRtt extends pulumi.dynamic.Resource {
  /** Round trips over the link, ms. */
  declare readonly rttMs: pulumi.Output<NonNullable<GateOutputs["rttMs"]>>;
  declare readonly lossPercent: pulumi.Output<number>;
  /** Round trips between the public addresses, beside the link, ms; null when they do not answer. */
  declare readonly underlayRttMs: pulumi.Output<GateOutputs["underlayRttMs"]>;
  /** The MTU that was proven, bytes. */
  declare readonly mtu: pulumi.Output<number>;
  declare readonly bfd: pulumi.Output<string>;
  declare readonly bgp: pulumi.Output<string>;
  /** Proven by counters: nothing but ESP in UDP left the gateways. */
  declare readonly encrypted: pulumi.Output<boolean>;
  /** When the figures were taken, ISO 8601. */
  declare readonly measuredAt: pulumi.Output<string>;
  declare readonly verdict: pulumi.Output<GateOutputs["verdict"]>;

  constructor(name: string, args: TunnelRttArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      dynamicProvider("providers/probes/gate.ts"),
      name,
      {
        link: pulumi.secret(args.link),
        fingerprint: args.fingerprint,
        measure: args.measure ?? "onChange",
        probes: args.probes ?? 200,
        intervalMs: args.intervalMs ?? 20,
        deadlineSeconds: args.deadlineSeconds ?? 90,
        rttMs: undefined,
        lossPercent: undefined,
        underlayRttMs: undefined,
        mtu: undefined,
        bfd: undefined,
        bgp: undefined,
        encrypted: undefined,
        measuredAt: undefined,
        verdict: undefined,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["link"] }),
      "crossborder",
      "TunnelRtt",
    );
  }
}
