import { lifeStatus, lifeText, renewalIsDue } from "../../../providers/pki/life";
import { daysLater, NOW } from "./fixtures";

const life = { notBefore: NOW.toISOString(), notAfter: daysLater(90).toISOString() };

test("renewal is due once less than a third is left", () => {
  expect(renewalIsDue(life, NOW)).toBe(false);
  expect(renewalIsDue(life, daysLater(60))).toBe(false);
  expect(renewalIsDue(life, daysLater(60.001))).toBe(true);
  expect(renewalIsDue(life, daysLater(91))).toBe(true);
});

test.each([
  [0, 90, "90 days left, until 2026-04-15", "fine"],
  [59.5, 30, "30 days left, until 2026-04-15", "fine"],
  [70.5, 19, "19 days left, until 2026-04-15: renew it with npm run pulumi -- up", "renew"],
  [88.5, 1, "1 day left, until 2026-04-15: renew it with npm run pulumi -- up", "renew"],
  [90.5, -1, "expired on 2026-04-15: renew it with npm run pulumi -- up", "expired"],
])("%d days on, a status says %d", (days, daysLeft, text, verdict) => {
  const status = lifeStatus(life, daysLater(days));
  expect(status).toEqual({ ...life, daysLeft, verdict });
  expect(lifeText(status)).toBe(text);
});

test("the remedy can be another, as for an authority", () => {
  const status = lifeStatus(life, daysLater(80));
  expect(lifeText(status, "npm run rotate -- certificates --authority")).toBe(
    "10 days left, until 2026-04-15: renew it with npm run rotate -- certificates --authority",
  );
});
