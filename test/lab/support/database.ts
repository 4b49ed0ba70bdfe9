/** Settings of the sites' database as emulated machines want them. */
export const labDatabase = {
  sharedBuffersMb: 32,
  maxConnections: 40,
  // An emulated processor stalls while chrony measures, and looks cost it more.
  clock: { budgetMs: 100 },
  monitor: { intervalSeconds: 10 },
  gate: { lagBudgetMs: 3000 },
};
