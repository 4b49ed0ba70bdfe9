import type { Fault } from "./faults";

/** A site by the part that it plays. */
export type Role = "primary" | "secondary";

/**
 * One thing that is done to a stack, as a value that survives a crash of whoever did it.
 *
 * `network`: packets vanish. `water`: the ocean loses or delays them. `kill`: the power of a gateway is cut. `pause`: it is frozen. `reboot`: it is reset. `destroy-disk`: its power is cut, and its disk is
 * gone. `full-disk`: no program but root's may write any more. `clock-skew`: its clock is wrong, and nothing corrects it.
 * `switchover`: the service address is moved in order.
 */
export type Injection =
  | { readonly kind: "network"; readonly fault: Fault }
  | { readonly kind: "water"; readonly rttMs?: number; readonly lossPercent?: number }
  | { readonly kind: "kill" | "pause" | "reboot" | "destroy-disk" | "full-disk"; readonly host: Role }
  | { readonly kind: "clock-skew"; readonly host: Role; readonly seconds: number }
  | { readonly kind: "switchover"; readonly to: Role };

/** An injection with its time. Several at once, or one after another, make a fault of their own. */
export interface Step {
  readonly inject: Injection;
  /** Seconds after the beginning of the drill's faults. */
  readonly atSeconds: number;
  /** Seconds until it is healed. */
  readonly forSeconds: number;
}

/** What must be deployed for a drill to mean something. */
export type Need = "backup" | "ha" | "database";

/** What a drill is judged by, besides the promises about data, which none may break. */
export interface Bounds {
  /** From the first fault until a request to the other site that began after it succeeds, in ms. */
  readonly crossSiteMs?: number;
  /** From the first fault until the service address answers the clients of the surviving site, the database's too, in ms. */
  readonly takeoverMs?: number;
  /** From the last heal until new connections use the tunnel, in ms. */
  readonly healMs?: number;
  /** Requests that failed twice from the first fault on, of clients that aren't of the lost site. */
  readonly failed?: number;
  /** The same, of those alone that use the database of their own site. */
  readonly failedAtOwnSite?: number;
  /** Requests that failed twice and began `graceSeconds` after the last heal or later, of all clients. */
  readonly failedAfterHeal?: number;
  /** Changes of a site's path within any minute. */
  readonly pathChangesPerMinute?: number;
}

/** How long a client waits for an answer unless its drill says otherwise, in ms. */
export const usualTimeoutMs = 2_000;

/** A drill. */
export interface Drill {
  /** At most 20 characters of a–z, 0–9 and `-`. */
  readonly name: string;
  /** One line: what breaks, and what is expected. */
  readonly description: string;
  readonly needs: readonly Need[];
  readonly steps: readonly Step[];
  /** Whether it can cost data or a host's life outside the lab: there it asks first. */
  readonly destructive: boolean;
  readonly bounds: Bounds;
  /** How long a client waits for an answer, in ms. @default usualTimeoutMs */
  readonly clientTimeoutMs?: number;
  /** The site whose clients are cut off with it: their failures meanwhile aren't judged. */
  readonly lostSite?: Role;
  /** From the last heal until nobody may be without service any more, in seconds. @default 0 */
  readonly graceSeconds?: number;
}

/** One moment of a drill. */
export interface Event {
  readonly atSeconds: number;
  readonly what: "inject" | "heal";
  readonly inject: Injection;
}

/** A fault that is there for a time. */
export function lasting(inject: Injection, forSeconds: number, atSeconds = 0): Step {
  return { inject, atSeconds, forSeconds };
}

/** A fault that comes and goes, for as long each, until it was there for the last time. */
export function flapping(inject: Injection, everySeconds: number, forSeconds: number): Step[] {
  const times = Math.ceil(forSeconds / (2 * everySeconds));
  return Array.from({ length: times }, (_, index) => lasting(inject, everySeconds, index * 2 * everySeconds));
}

/** Steps in the order in which things happen; of what happens at once, heals come first. */
export function timeline(steps: readonly Step[]): Event[] {
  const events = steps.flatMap(({ inject, atSeconds, forSeconds }): Event[] => [
    { atSeconds, what: "inject", inject },
    { atSeconds: atSeconds + forSeconds, what: "heal", inject },
  ]);
  const rank = { heal: 0, inject: 1 } as const;
  return events.sort((a, b) => a.atSeconds - b.atSeconds || rank[a.what] - rank[b.what]);
}

/** Whether healing leaves nothing to undo. A destroyed disk is healed by an empty host; undoing gives the lab its own disk back. */
export function healUndoes({ kind }: Injection): boolean {
  return kind !== "destroy-disk";
}

/** An injection in a few words, for people and for the journal's reader. */
export function describe(inject: Injection): string {
  switch (inject.kind) {
    case "network":
      return `cut ${inject.fault.name}`;
    case "water": {
      const delay = inject.rttMs === undefined ? [] : [`round trip ${inject.rttMs} ms`];
      const loss = inject.lossPercent === undefined ? [] : [`loss ${inject.lossPercent} %`];
      return [...delay, ...loss].join(", ");
    }
    case "clock-skew":
      return `clock of the ${inject.host} ${inject.seconds} s off`;
    case "switchover":
      return `switchover to the ${inject.to}`;
    default:
      return `${inject.kind} ${inject.host}`;
  }
}
