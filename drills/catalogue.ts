import { everything, ipsec, oneWay } from "./faults";
import { type Bounds, type Drill, flapping, lasting } from "./model";

/** Whatever happens between the sites, a site serves its own clients. */
const ownSiteServes: Bounds = { failedAtOwnSite: 0 };
/** After a heal, new connections use the tunnel within this, and no request fails for it. */
const healed: Bounds = { ...ownSiteServes, healMs: 10_000, failedAfterHeal: 0 };
/** The tunnel alone is cut: the backup path takes over within this. */
const backupTakesOver: Bounds = { ...healed, crossSiteMs: 3_000 };
/** A site dies: the other one answers at the service address within this (VRRP with adverts of 1 s). */
const otherSiteTakesOver: Bounds = { ...ownSiteServes, takeoverMs: 5_000 };
/** Both paths have to be found again after both were cut. */
const bothPathsSeconds = 10;
/** A site that was off boots, starts its daemons, and catches up. */
const siteBackSeconds = 120;

/** Long enough for a takeover, for what follows it, and for clients to see that it is stable. */
const usualSeconds = 20;
/** Packets that are sent again and again, and slow round trips, take longer than a client usually waits. */
const patientMs = 5_000;
/** Who waits for a site that has died can't find the other one meanwhile. */
const impatientMs = 1_000;

/** The drills, in the order in which `-- all` runs them. */
export const drills: readonly Drill[] = [
  {
    name: "cut-tunnel",
    description: "UDP 500 and 4500 vanish: services go on over the backup path, and come back to the tunnel",
    needs: ["backup"],
    steps: [lasting({ kind: "network", fault: ipsec }, usualSeconds)],
    destructive: false,
    bounds: backupTakesOver,
  },
  {
    name: "cut-all",
    description: "nothing passes between the sites: each serves its own clients, and both agree afterwards",
    needs: ["backup"],
    steps: [lasting({ kind: "network", fault: everything }, usualSeconds)],
    destructive: false,
    bounds: healed,
    graceSeconds: bothPathsSeconds,
  },
  {
    name: "one-way-la-sg",
    description: "nothing passes from Los Angeles to Singapore, and all the other way",
    needs: ["backup"],
    steps: [lasting({ kind: "network", fault: oneWay(everything, "la-sg") }, usualSeconds)],
    destructive: false,
    bounds: healed,
    graceSeconds: bothPathsSeconds,
  },
  {
    name: "one-way-sg-la",
    description: "nothing passes from Singapore to Los Angeles, and all the other way",
    needs: ["backup"],
    steps: [lasting({ kind: "network", fault: oneWay(everything, "sg-la") }, usualSeconds)],
    destructive: false,
    bounds: healed,
    graceSeconds: bothPathsSeconds,
  },
  {
    name: "kill-primary",
    description: "the power of the primary's gateway is cut: the other site has the service address",
    needs: ["backup", "ha"],
    steps: [lasting({ kind: "kill", host: "primary" }, usualSeconds)],
    destructive: true,
    bounds: otherSiteTakesOver,
    clientTimeoutMs: impatientMs,
    lostSite: "primary",
  },
  {
    name: "pause-primary",
    description: "the primary's gateway is frozen, and comes back believing that no time has passed",
    needs: ["backup", "ha"],
    steps: [lasting({ kind: "pause", host: "primary" }, usualSeconds)],
    destructive: true,
    bounds: otherSiteTakesOver,
    clientTimeoutMs: impatientMs,
    lostSite: "primary",
  },
  {
    name: "kill-secondary",
    description: "the power of the secondary's gateway is cut: the primary's clients notice nothing",
    needs: ["backup", "ha"],
    steps: [lasting({ kind: "kill", host: "secondary" }, usualSeconds)],
    destructive: true,
    bounds: { failed: 0 },
    lostSite: "secondary",
  },
  {
    name: "destroy-primary",
    description:
      "the disk of the primary's gateway is gone: what only it had is listed, and an empty host comes back",
    needs: ["ha", "database"],
    steps: [lasting({ kind: "destroy-disk", host: "primary" }, usualSeconds)],
    destructive: true,
    bounds: otherSiteTakesOver,
    clientTimeoutMs: impatientMs,
    lostSite: "primary",
  },
  {
    name: "loss-10",
    description: "10 % of the packets are lost, each way: slower, no failure, and the path stays",
    needs: ["backup"],
    steps: [lasting({ kind: "water", lossPercent: 10 }, 60)],
    destructive: false,
    bounds: { failed: 0, pathChangesPerMinute: 2 },
    clientTimeoutMs: patientMs,
  },
  {
    name: "latency-300",
    description: "the round trip takes 300 ms: slower, no failure, and the path stays",
    needs: ["backup"],
    steps: [lasting({ kind: "water", rttMs: 300 }, 30)],
    destructive: false,
    bounds: { failed: 0, pathChangesPerMinute: 2 },
    clientTimeoutMs: patientMs,
  },
  {
    name: "flap",
    description: "the tunnel is cut and healed every 5 s for a minute: the path is held on the backup",
    needs: ["backup"],
    steps: flapping({ kind: "network", fault: ipsec }, 5, 60),
    destructive: false,
    bounds: { ...ownSiteServes, pathChangesPerMinute: 4 },
  },
  {
    name: "full-disk",
    description: "the primary's database can't write any more: the service address leaves it",
    needs: ["ha", "database"],
    steps: [lasting({ kind: "full-disk", host: "primary" }, usualSeconds)],
    destructive: true,
    bounds: ownSiteServes,
    lostSite: "primary",
  },
  {
    name: "clock-skew",
    description: "the secondary's clock is 30 s ahead: it refuses writes until the clock is right again",
    needs: ["database"],
    steps: [lasting({ kind: "clock-skew", host: "secondary", seconds: 30 }, usualSeconds)],
    destructive: true,
    bounds: ownSiteServes,
    lostSite: "secondary",
  },
  {
    name: "switchover",
    description: "the service address is moved to the secondary and back in order: no request fails",
    needs: ["backup", "ha"],
    steps: [lasting({ kind: "switchover", to: "secondary" }, usualSeconds)],
    destructive: false,
    bounds: { failed: 0 },
  },
  {
    name: "reboot-both",
    description: "both gateways are reset at once: everything comes back by itself",
    needs: [],
    steps: [
      lasting({ kind: "reboot", host: "primary" }, usualSeconds),
      lasting({ kind: "reboot", host: "secondary" }, usualSeconds),
    ],
    destructive: true,
    bounds: { failedAfterHeal: 0 },
    graceSeconds: siteBackSeconds,
  },
];

/** The drills that a word means: the one of that name, or all whose names go on after it, as `one-way` means both ways. */
export function drillsNamed(word: string): Drill[] {
  const exact = drills.filter(({ name }) => name === word);
  return exact.length > 0 ? exact : drills.filter(({ name }) => name.startsWith(`${word}-`));
}
