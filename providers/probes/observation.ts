import { z } from "zod";
import type { SshError } from "../ssh/session";

/** What `link_probe.py state` prints: one look at every layer from one gateway. A layer that cannot be seen is null. */
export const hostStateSchema = z.object({
  device: z.object({ mtu: z.number(), up: z.boolean() }).nullable(),
  bfd: z
    .object({
      /** `up`, `down`, `init` or `shutdown`. */
      status: z.string(),
      /** Time in this status, s. */
      seconds: z.number(),
      diagnostic: z.string(),
      remoteDiagnostic: z.string(),
    })
    .nullable(),
  bgp: z
    .object({
      /** State of RFC 4271's machine, e.g. `Established`, `Active`. */
      state: z.string(),
      /** Prefixes that passed the import filter. */
      accepted: z.number(),
      lastReset: z.string(),
    })
    .nullable(),
  /** Device by which the peer's range leaves; `unreachable` when a rejecting route is the best. */
  route: z.string().nullable(),
  ike: z
    .object({
      state: z.string(),
      id: z.string(),
      ageSeconds: z.number(),
      cipher: z.string(),
    })
    .nullable(),
  /** Why IKE is not established, by the daemon's own log of the last minutes. */
  ikeCause: z.enum(["authentication", "proposal", "no-answer"]).nullable(),
  child: z
    .object({
      state: z.string(),
      id: z.string(),
      /** `TRANSPORT` or `TUNNEL`. */
      mode: z.string(),
      /** Whether ESP travels inside UDP. */
      udp: z.boolean(),
      cipher: z.string(),
      ageSeconds: z.number(),
      packetsIn: z.number(),
      packetsOut: z.number(),
    })
    .nullable(),
  /** Packets by counter of facts.COUNTERS; one that does not exist is absent. */
  counters: z.record(z.string(), z.number()).nullable(),
  /** Time since the key that authenticates IKE changed, s; null when the gateway has no mark of it. */
  credentialsAgeSeconds: z.number().nullable(),
  /** Tools that gave no answer, each with its reason. */
  problems: z.array(z.string()),
});

const pingSchema = z.object({
  sent: z.number(),
  /** Round trips in the order of sending; one per answered probe. */
  rttsMs: z.array(z.number()),
  /** Why no probe was answered, in ping's words. */
  error: z.string().nullable(),
});

/** What `link_probe.py burst` prints. */
export const burstSchema = z.object({
  /** Over the GRE device, to the peer's link address. */
  tunnel: pingSchema,
  /** Beside the link, to the peer's public address. */
  underlay: pingSchema,
  /** Whether packets of exactly the link's MTU pass with "don't fragment" set, and ones of a byte more. */
  atMtuPasses: z.boolean(),
  aboveMtuPasses: z.boolean(),
});

export type HostState = z.infer<typeof hostStateSchema>;
export type Burst = z.infer<typeof burstSchema>;
export type Ping = z.infer<typeof pingSchema>;

/** One gateway as seen before and after the burst, or why it could not be looked at. */
export type HostView =
  | { readonly host: string; readonly unreachable: SshError }
  | {
      readonly host: string;
      readonly unreachable?: undefined;
      readonly before: HostState;
      readonly after: HostState;
    };

/** Everything that a verdict is taken from. */
export interface Measurement {
  readonly initiator: HostView;
  readonly responder: HostView;
  /** Absent when the initiator could not be reached. */
  readonly burst?: Burst;
}
