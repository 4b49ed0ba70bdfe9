import type { ResourceRule, SettingsRule } from "./rule";
import { budgetIsPossible } from "./rules/budget";
import { cryptoIsStrong } from "./rules/crypto";
import { disksAreEncrypted } from "./rules/disks";
import { usersFailOver } from "./rules/failover";
import { labelsAreThere } from "./rules/labels";
import { statefulIsProtected } from "./rules/protection";
import { sshIsNotOpenToAnybody, sshSettingsNameNobody } from "./rules/ssh";

/** Rules about resources, in the order in which the docs have them. */
export const resourceRules: readonly ResourceRule[] = [
  sshIsNotOpenToAnybody,
  disksAreEncrypted,
  statefulIsProtected,
  labelsAreThere,
  usersFailOver,
];

/** Rules about settings, which `npm run policy` checks itself: a policy pack is told no configuration. */
export const settingsRules: readonly SettingsRule[] = [
  sshSettingsNameNobody,
  cryptoIsStrong,
  budgetIsPossible,
];
