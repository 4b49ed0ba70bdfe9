/** When a certificate is valid, ISO 8601. */
export interface Life {
  readonly notBefore: string;
  readonly notAfter: string;
}

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
export interface LifeStatus {
  /** Whole days that are left, rounded down; negative once it has expired. */
  readonly daysLeft: number;
  /** For a person, e.g. `61 days left, until 2026-02-24`. */
  readonly text: string;
  /** Less than a third of its life is left: somebody has to act. */
  readonly warning: boolean;
}

/**
 * How long a certificate still lives, for a line of a status.
 * @param remedy What to do when little is left. @default a deployment, which renews a host's certificate
 */
export function lifeStatus(life: Life, now: Date, remedy = "npm run pulumi -- up"): LifeStatus {
  const daysLeft = Math.floor((Date.parse(life.notAfter) - now.getTime()) / DAY_MS);
  const warning = renewalIsDue(life, now);
  const day = life.notAfter.slice(0, 10);
  const left =
    daysLeft < 0 ? `expired on ${day}` : `${daysLeft} ${daysLeft === 1 ? "day" : "days"} left, until ${day}`;
  return { daysLeft, text: warning ? `${left}: renew it with ${remedy}` : left, warning };
}
