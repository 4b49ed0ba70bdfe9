import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openBenchLab } from "../../bench/lab";
import { poll } from "../../bench/polling";
import { settle } from "../../bench/settling";
import { type Machine, peerOf, type SiteName, siteNames, sites } from "../../lab/network/plan";
import { type Ocean, openOcean } from "../../lab/ocean";
import type { LabPaths } from "../../lab/paths";
import { openSession, run } from "../../lab/sessions";
import { bringUp } from "../../lab/up";
import type { Session } from "../../providers/ssh/session";
import type { Conflict, Evidence, Row } from "../checker/evidence";
import { fingerprint, prepareSql, psql, readConflicts, readRows } from "../database";
import { type Deployment, drillPort, readDeployment, servicePort } from "../deployment";
import type { Injection, Role } from "../model";
import { undoAll } from "../injector";
import { type Journal, openJournal } from "../journal";
import type { Stand, Watch } from "../run";
import { directory, install, type Place, startClients, startEcho } from "../workload/programs";
import {
  clientNames,
  linkPort,
  seedKeys,
  type Specification,
  specification,
} from "../workload/specification";
import { healthyLab } from "./healthy";
import { LabInjector } from "./injector";
import { finishNotes, startNotes } from "./paths";

/** Longest wait until a site that booted is well again, on a busy computer. */
const settleMs = 400_000;
/** Longest wait until both sides have the same rows; those that differ for good take all of it. */
const convergeMs = 60_000;
/** The conflicts' table is complete when it doesn't grow for this long. */
const quietMs = 5_000;

/** Where the lab's drills note what is in force. */
export function labJournal(paths: LabPaths): Journal {
  return openJournal(join(paths.lab, "drill.json"));
}

/** The lab, healthy, with the program deployed. */
export class LabStand implements Stand {
  private readonly injector: LabInjector;

  private constructor(
    private readonly wan: Session,
    private readonly ocean: Ocean,
    readonly journal: Journal,
    readonly deployed: Deployment,
    private readonly paths: LabPaths,
  ) {
    this.injector = new LabInjector(
      paths,
      ocean,
      journal,
      (role) => this.siteOf(role),
      () => this.now(),
    );
  }

  private static async open(paths: LabPaths, deployed: Deployment): Promise<LabStand> {
    const wan = await openSession("wan", { paths });
    const ocean = await openOcean(paths).catch((error: unknown) => {
      wan.close();
      throw error;
    });
    return new LabStand(wan, ocean, labJournal(paths), deployed, paths);
  }

  /**
   * Undoes what a drill left that crashed.
   * @throws Error when one is running, or something can't be undone.
   */
  static async undoLeftovers(paths: LabPaths, say: (line: string) => void): Promise<void> {
    const journal = labJournal(paths);
    const owner = journal.owner();
    if (!owner) return;
    if (owner.pid !== process.pid && isAlive(owner.pid))
      throw new Error(`the drill ${owner.drill} is running (process ${owner.pid})`);
    say(`the drill ${owner.drill} left faults behind; they are undone first`);
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

  siteOf(role: Role): SiteName {
    return this.deployed.link[role].site as SiteName;
  }

  inject(what: Injection): Promise<number> {
    return this.injector.inject(what);
  }

  heal(what: Injection): Promise<number> {
    return this.injector.heal(what);
  }

  undo(what: Injection): Promise<void> {
    return this.injector.undo(what);
  }

  async watch(clientTimeoutMs: number): Promise<Watch> {
    await install(this.wan);
    const specs = siteNames.map((site) => this.specification(site, clientTimeoutMs));
    await this.prepareDatabase(specs);
    for (const site of siteNames) {
      await startEcho(this.clientsOf(site), sites[site].client, linkPort);
      await this.ensureService(site);
    }
    const running = await Promise.all(
      siteNames.map((site, index) => startClients(this.clientsOf(site), site, specs[index]!)),
    );
    const noting = this.deployed.backup ? siteNames : [];
    for (const site of noting) await this.onGateway(site, startNotes);
    return {
      clients: specs.flatMap(clientNames),
      answered: async () => Object.assign({}, ...(await Promise.all(running.map((one) => one.answered())))),
      finish: async () => ({
        attempts: (await Promise.all(running.map((one) => one.finish()))).flat().sort((a, b) => a.at - b.at),
        paths: (
          await Promise.all(
            noting.map((site) => this.onGateway(site, (session) => finishNotes(session, site))),
          )
        ).flat(),
      }),
    };
  }

  async settle(signal: AbortSignal): Promise<void> {
    // Daemons of a site that just booted don't answer yet, and sessions with it are new each time.
    let last = "nothing was seen of it";
    await poll(
      "the link is up",
      async () => {
        try {
          const lab = await openBenchLab();
          await settle(lab, signal).finally(() => lab.close());
          return true;
        } catch (error) {
          signal.throwIfAborted();
          last = error instanceof Error ? error.message : String(error);
          return undefined;
        }
      },
      settleMs,
      signal,
    ).catch((error: unknown) => {
      throw new Error(`the link isn't well again: ${last}`, { cause: error });
    });
    for (const site of siteNames) await this.ensureService(site);
  }

  async data(since: number, signal: AbortSignal): Promise<Pick<Evidence, "rows" | "conflicts"> | undefined> {
    const database = this.deployed.database?.name;
    if (database === undefined) return undefined;
    const sessions = await Promise.all(siteNames.map((site) => openSession(site, { paths: this.paths })));
    const each = <T>(work: (session: Session) => Promise<T>): Promise<T[]> => Promise.all(sessions.map(work));
    try {
      const isEqual = async (): Promise<true | undefined> =>
        new Set(await each((one) => fingerprint(one, database))).size === 1 ? true : undefined;
      // Rows that differ for good are for the checker to tell.
      await poll("both sides have the same rows", isEqual, convergeMs, signal).catch(() =>
        signal.throwIfAborted(),
      );
      const conflicts = await this.conflicts(each, database, since, signal);
      const [la = [], sg = []] = await each((one): Promise<Row[]> => readRows(one, database));
      return { rows: { la, sg }, conflicts };
    } finally {
      for (const session of sessions) session.close();
    }
  }

  close(): void {
    this.ocean.close();
    this.wan.close();
  }

  private async conflicts(
    each: <T>(work: (session: Session) => Promise<T>) => Promise<T[]>,
    database: string,
    since: number,
    signal: AbortSignal,
  ): Promise<Conflict[]> {
    const read = async (): Promise<Conflict[]> =>
      (await each((one) => readConflicts(one, database, since))).flat();
    for (let before = await read(); ;) {
      await sleep(quietMs, undefined, { signal });
      const after = await read();
      if (after.length === before.length) return after;
      before = after;
    }
  }

  /** ms since 1970 by the clock of `wan`, on which the clients run. */
  private async now(): Promise<number> {
    return Number(await run(this.wan, "echo $EPOCHREALTIME")) * 1000;
  }

  private clientsOf(site: SiteName): Place {
    return { session: this.wan, prefix: `ip netns exec client-${site} ` };
  }

  private specification(site: SiteName, timeoutMs: number): Specification {
    const place = { site, gateway: sites[site].gateway, farHost: sites[peerOf(site)].client };
    return specification(place, this.deployed, `${directory}/${site}.jsonl`, timeoutMs);
  }

  private async onGateway<T>(site: Machine, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await openSession(site, { paths: this.paths });
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }

  /** Starts the service that requests over the backup path are for, where it doesn't run. */
  private async ensureService(site: SiteName): Promise<void> {
    if (servicePort(this.deployed) === undefined) return;
    await this.onGateway(site, async (session) => {
      if ((await run(session, `ss -Hltn 'sport = :${drillPort}'`)).trim() !== "") return;
      await install(session);
      await startEcho({ session, prefix: "" }, "127.0.0.1", drillPort);
    });
  }

  private async prepareDatabase(specs: readonly Specification[]): Promise<void> {
    if (!this.deployed.database) return;
    const { name: database, user } = this.deployed.database;
    await this.onGateway(this.siteOf("primary"), (session) =>
      psql(session, database, prepareSql(user, seedKeys(specs))).then(() => undefined),
    );
    const there = () =>
      this.onGateway(this.siteOf("secondary"), (session) =>
        readRows(session, database).then(
          (rows) => (rows.length === seedKeys(specs).length ? true : undefined),
          () => undefined,
        ),
      );
    await poll("the clients' rows are on both sides", there, convergeMs, new AbortController().signal);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
