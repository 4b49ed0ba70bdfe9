import { readFileSync } from "node:fs";
import path from "node:path";
import type { Session } from "../providers/ssh/session";
import { type SiteName, siteNames, sites } from "./network/plan";
import { type LabPaths, labPaths } from "./paths";
import { openSession, run } from "./sessions";

/** How far a gateway's clock may be from `wan`'s after `up` and after a restore, in ms. */
export const clockToleranceMs = 50;

const program = readFileSync(path.join(__dirname, "clock.py"), "utf8");

async function ask(session: Session, site: SiteName, mode: "measure" | "step"): Promise<number> {
  // chronyd starts over, or it would weigh samples from before the step.
  const after = mode === "step" ? " && (chronyc -n reset sources && chronyc -n burst 3/4) >/dev/null" : "";
  return Number(await run(session, `python3 -I - ${sites[site].router} ${mode}${after}`, { stdin: program }));
}

/** Measures each gateway's clock against `wan`'s, in ms; positive when the gateway is behind. */
export async function clockOffsets(paths: LabPaths = labPaths()): Promise<Record<SiteName, number>> {
  const offsets = await Promise.all(
    siteNames.map(async (site) => {
      const session = await openSession(site, { paths });
      try {
        return [site, await ask(session, site, "measure")] as const;
      } finally {
        session.close();
      }
    }),
  );
  return Object.fromEntries(offsets) as Record<SiteName, number>;
}

/**
 * Sets the clocks at once: `wan`'s by this host's, the gateways' by `wan`'s. Chrony would get there too, in its time. A
 * machine that was stored in a snapshot lags by as long as it lay there.
 */
export async function correctClocks(paths: LabPaths = labPaths()): Promise<void> {
  const wan = await openSession("wan", { paths });
  try {
    // A command takes about this long to start on an emulated processor; clients see only differences between machines.
    const startMs = 60;
    await run(wan, `date -s @${((Date.now() + startMs) / 1000).toFixed(3)} >/dev/null`);
  } finally {
    wan.close();
  }
  await Promise.all(
    siteNames.map(async (site) => {
      const session = await openSession(site, { paths });
      try {
        await ask(session, site, "step");
      } finally {
        session.close();
      }
    }),
  );
}
