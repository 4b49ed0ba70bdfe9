import type { Overrides } from "../../lab/settings";

/** What the tests of parts that are off by default turn on, beside the lab's own settings. */
export const failover: Overrides = {
  "services.postgres": { port: 5432, listen: "site" },
  ha: { settleSeconds: 5, drainSeconds: 10 },
  postgres: {
    sharedBuffersMb: 32,
    maxConnections: 40,
    // An emulated processor stalls while chrony measures, and looks cost it more.
    clock: { budgetMs: 100 },
    monitor: { intervalSeconds: 10 },
    gate: { lagBudgetMs: 3000 },
  },
};
