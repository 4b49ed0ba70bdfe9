import { z } from "zod";

/** When a certificate is valid, ISO 8601. */
export const lifeSchema = z.object({ notBefore: z.iso.datetime(), notAfter: z.iso.datetime() });
export type Life = z.infer<typeof lifeSchema>;

/**
 * Part of a certificate's life that has to be left. Below it any deployment renews. certbot's default is the
 * same: 30 of 90 days to notice that nobody deployed.
 */
export const RENEW_BELOW = 1 / 3;

const DAY_MS = 86_400_000;

/** Whether less than a third of a certificate's life is left. */
export function renewalIsDue({ notBefore, notAfter }: Life, now: Date): boolean {
  const [from, to] = [Date.parse(notBefore), Date.parse(notAfter)];
  return to - now.getTime() < (to - from) * RENEW_BELOW;
}

/** What a status says of a certificate. */
export interface LifeStatus extends Life {
  /** Whole days that are left, rounded down; negative once it has expired. */
  readonly daysLeft: number;
  /** `renew`: less than a third of its life is left, and somebody has to act. */
  readonly verdict: "fine" | "renew" | "expired";
}

/** How long a certificate still lives. */
export function lifeStatus(life: Life, now: Date): LifeStatus {
  const daysLeft = Math.floor((Date.parse(life.notAfter) - now.getTime()) / DAY_MS);
  return {
    ...life,
    daysLeft,
    verdict: daysLeft < 0 ? "expired" : renewalIsDue(life, now) ? "renew" : "fine",
  };
}

/**
 * The same for a person, e.g. `61 days left, until 2026-02-24`.
 * @param remedy What to do when little is left. @default a deployment, which renews a host's certificate
 */
export function lifeText(
  { notAfter, daysLeft, verdict }: LifeStatus,
  remedy = "npm run pulumi -- up",
): string {
  const day = notAfter.slice(0, 10);
  const left =
    verdict === "expired"
      ? `expired on ${day}`
      : `${daysLeft} ${daysLeft === 1 ? "day" : "days"} left, until ${day}`;
  return verdict === "fine" ? left : `${left}: renew it with ${remedy}`;
}
