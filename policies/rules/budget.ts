import { rttFloorMs } from "../../providers/probes/physics";
import type { SettingsRule } from "../rule";

/**
 * The settings refuse what light can't do in a vacuum, and warn of what it can't do in fibre. No cable is a vacuum, so a
 * budget between the two fails every deployment in the end: it is refused here.
 */
export const budgetIsPossible: SettingsRule = {
  name: "rtt-budget-possible",
  description: "The round-trip budget is one that light in fibre can meet, and production's sites are real.",
  check: ({ gate, sites, emulated }, { production }) => {
    if (emulated) {
      return production
        ? [
            "crossborder:emulated is true, so that physics doesn't bound the budget; in production it must be false.",
          ]
        : [];
    }
    const [one, other] = Object.entries(sites);
    if (!one || !other) return [];
    const { fibre, distanceKm } = rttFloorMs(one[1].coordinates, other[1].coordinates);
    return gate.budgetMs < fibre
      ? [
          `crossborder:gate.budgetMs is ${gate.budgetMs}; it must be at least ${fibre.toFixed(1)}: light in straight fibre ` +
            `takes that long for the round trip ${one[0]}–${other[0]} (${Math.round(distanceKm)} km).`,
        ]
      : [];
  },
};
