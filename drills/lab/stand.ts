import { join } from "node:path";
import { settleAfterBoot } from "../../bench/settling";
import { findImage } from "../../lab/image/cache";
import { chosenAccelerator } from "../../lab/machines/acceleration";
import { type SiteName, siteNames, sites } from "../../lab/network/plan";
import { type Ocean, openOcean } from "../../lab/ocean";
import type { LabPaths } from "../../lab/paths";
import { openSession, run } from "../../lab/sessions";
import { readState } from "../../lab/state";
import { bringUp } from "../../lab/up";
import type { Session } from "../../providers/ssh/session";
import { type Deployment, readDeployment } from "../deployment";
import { undoAll } from "../injector";
import { type Journal, openJournal, hasLeftovers } from "../journal";
import type { Role } from "../model";
import { type ClientHost, SiteStand } from "../siteStand";
import type { Pace } from "../workload/specification";
import { healthyLab } from "./healthy";
import { LabInjector } from "./injector";

/** Where processors are emulated: machines keep time to spare, and answer well within clients' patience. */
const emulatedPace: Pace = { serviceIntervalMs: 300, databaseIntervalMs: 2000, loginMs: 4000 };

/** Where the lab's drills note what is in force. */
function labJournal(paths: LabPaths): Journal {
  return openJournal(join(paths.lab, "drill.json"));
}

/** The sites' client hosts, which are namespaces of `wan`. */
function clientHosts(wan: Session): Record<SiteName, ClientHost> {
  const host = (site: SiteName): ClientHost => ({
    place: { session: wan, prefix: `ip netns exec client-${site} ` },
    address: sites[site].client,
    gateway: sites[site].gateway,
  });
  return { la: host("la"), sg: host("sg") };
}

/** The lab, healthy, with the program deployed. */
export class LabStand extends SiteStand {
  protected readonly injector: LabInjector;

  private constructor(
    private readonly paths: LabPaths,
    deployed: Deployment,
    private readonly wan: Session,
    private readonly ocean: Ocean,
  ) {
    super("lab", labJournal(paths), deployed, clientHosts(wan));
    // Clients run on `wan`: their times are by its clock.
    const now = async (): Promise<number> => Number(await run(wan, "echo $EPOCHREALTIME")) * 1000;
    const siteOf = (role: Role): SiteName => siteNames.find((site) => site === this.siteOf(role))!;
    const hostOf = (role: Role): string => deployed.link[role].host;
    this.injector = new LabInjector(paths, ocean, this.journal, siteOf, hostOf, now);
  }

  private static async open(paths: LabPaths, deployed: Deployment): Promise<LabStand> {
    const wan = await openSession("wan", { paths });
    const ocean = await openOcean(paths).catch((error: unknown) => {
      wan.close();
      throw error;
    });
    return new LabStand(paths, deployed, wan, ocean);
  }

  /**
   * Undoes what a drill left that crashed.
   * @throws Error when one is running, or something can't be undone.
   */
  static async undoLeftovers(paths: LabPaths, say: (line: string) => void): Promise<void> {
    const journal = labJournal(paths);
    if (!hasLeftovers(journal, say)) return;
    await bringUp(paths);
    const stand = await LabStand.open(paths, await readDeployment("lab"));
    try {
      await undoAll(journal, stand, say);
    } finally {
      stand.close();
    }
  }

  /** Goes back to the healthy lab, and opens it. */
  static async healthy(paths: LabPaths): Promise<LabStand> {
    await healthyLab(paths);
    return LabStand.open(paths, await readDeployment("lab"));
  }

  /** Opens the lab as it is, whatever is deployed. */
  static async asDeployed(paths: LabPaths): Promise<LabStand> {
    return LabStand.open(paths, await readDeployment("lab"));
  }

  close(): void {
    this.ocean.close();
    this.wan.close();
  }

  protected async onGateway<T>(site: string, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await openSession(
      siteNames.find((name) => name === site)!,
      { paths: this.paths },
    );
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }

  /** The clients' machine carries the ocean too: emulated, it has no time for both at the usual pace. */
  protected override pace(): Pace {
    const image = findImage(this.paths.cache, readState(this.paths).image ?? "");
    const accelerated = image && chosenAccelerator(image, this.paths.cache) === "kvm";
    return accelerated ? super.pace() : emulatedPace;
  }

  protected async linkIsWell(signal: AbortSignal): Promise<void> {
    await settleAfterBoot(signal);
  }
}
