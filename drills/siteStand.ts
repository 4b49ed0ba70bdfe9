import { setTimeout as sleep } from "node:timers/promises";
import { poll } from "../bench/polling";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";
import { runCommand } from "./command";
import type { Conflict, Evidence } from "./checker/evidence";
import { fingerprint, prepareSql, psql, readConflicts, readDoubts, readRows } from "./database";
import { type Deployment, drillPort, servicePort } from "./deployment";
import type { Injection, Role } from "./model";
import type { Injector } from "./injector";
import type { Journal } from "./journal";
import { readRole } from "./pairRole";
import { finishNotes, readKeeper, startNotes } from "./pathNotes";
import type { Stand, Watch } from "./run";
import { directory, endPrograms, install, type Place, startClients, startEcho } from "./workload/programs";
import {
  clientNames,
  linkPort,
  seedKeys,
  type Specification,
  specification,
  type Pace,
  usualPace,
} from "./workload/specification";

/** Longest wait until both sides have the same rows; those that differ for good take all of it. */
const convergeMs = 60_000;
/** Longest wait until the backup path holds nothing more: the longest hold by default, and the window after it. */
const calmMs = 1_000_000;
/** The conflicts' table is complete when it doesn't grow for this long. */
const quietMs = 5_000;
/** Where the service that requests over the backup path are for listens. */
const loopback = "127.0.0.1";
/** How far the sites' clocks may be from this computer's. */
const clockMarginMs = 5_000;

/** A host of a site that isn't its gateway. */
export interface ClientHost {
  readonly place: Place;
  /** Its own address, and that of its site's gateway as it knows it. */
  readonly address: string;
  readonly gateway: string;
}

/** What a stand does by SSH alone, whatever its hosts are: clients, services, databases. */
export abstract class SiteStand implements Stand {
  protected abstract readonly injector: Injector;

  protected constructor(
    private readonly stack: string,
    readonly journal: Journal,
    readonly deployed: Deployment,
    protected readonly clients: Readonly<Record<string, ClientHost>>,
  ) {}

  /** Opens a session with a site's gateway, as root, does something, and closes it. */
  protected abstract onGateway<T>(site: string, work: (session: Session) => Promise<T>): Promise<T>;
  /** Waits until the link is well. @throws Error that says what isn't, in time */
  protected abstract linkIsWell(signal: AbortSignal): Promise<void>;
  abstract close(): void;

  /** How often clients ask. */
  protected pace(): Pace {
    return usualPace;
  }

  siteOf(role: Role): string {
    return this.deployed.link[role].site;
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

  async calm(signal: AbortSignal): Promise<void> {
    const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
      poll(what, async () => ((await holds()) ? true : undefined), calmMs, signal);
    const { backup, database, ha } = this.deployed;
    if (backup)
      await until("the backup path stands by and holds nothing after the next cut", () =>
        this.backupIsCalm(),
      );
    // A machine that was restored stood still: its clock is in doubt until it was measured, and with it its database.
    if (database) await until("the databases take writes", () => this.databasesAreOpen(database.name));
    if (ha) await until("the primary serves at the service address", () => this.primaryServes());
  }

  private async databasesAreOpen(database: string): Promise<boolean> {
    const sites = this.sites();
    const doubts = await Promise.all(
      sites.map((site) => this.onGateway(site, (session) => readDoubts(session, database))),
    );
    return doubts.every((count) => count === 0);
  }

  private async primaryServes(): Promise<boolean> {
    const roles = await Promise.all(this.sites().map((site) => this.onGateway(site, readRole)));
    return roles[0] === "serve" && roles[1] === "proxy";
  }

  private async backupIsCalm(): Promise<boolean> {
    const looks = await Promise.all(this.sites().map((site) => this.onGateway(site, readKeeper)));
    return looks.every(({ state, calm }) => state === "standby" && calm);
  }

  async watch(clientTimeoutMs: number): Promise<Watch> {
    const specs = this.sites().map((site) => this.specification(site, clientTimeoutMs));
    // Those of a drill that crashed would go on writing, and its services would end in the middle of this one.
    await this.endPrograms();
    await this.prepareDatabase(specs);
    for (const site of this.sites()) {
      const { place, address } = this.client(site);
      await install(place.session);
      await startEcho(place, address, linkPort);
      await this.ensureService(site);
    }
    const running = await Promise.all(
      this.sites().map((site, index) => startClients(this.client(site).place, site, specs[index]!)),
    );
    const noting = this.deployed.backup ? this.sites() : [];
    for (const site of noting) await this.onGateway(site, startNotes);
    const all = <T>(work: readonly Promise<T[]>[]): Promise<T[]> =>
      Promise.all(work).then((parts) => parts.flat());
    return {
      clients: specs.flatMap(clientNames),
      answered: async () => Object.assign({}, ...(await Promise.all(running.map((one) => one.answered())))),
      finish: async () => {
        const attempts = (await all(running.map((one) => one.finish()))).sort((a, b) => a.at - b.at);
        const paths = await all(
          noting.map((site) => this.onGateway(site, (session) => finishNotes(session, site))),
        );
        await this.endPrograms();
        return { attempts, paths };
      },
    };
  }

  /** Ends what drills run on the hosts. */
  private async endPrograms(): Promise<void> {
    for (const site of this.sites()) {
      await endPrograms(this.client(site).place.session);
      await this.onGateway(site, endPrograms);
    }
  }

  async settle(signal: AbortSignal): Promise<void> {
    await this.linkIsWell(signal);
    for (const site of this.sites()) await this.ensureService(site);
  }

  async data(since: number, signal: AbortSignal): Promise<Pick<Evidence, "rows" | "conflicts"> | undefined> {
    const database = this.deployed.database?.name;
    if (database === undefined) return undefined;
    const each = <T>(work: (session: Session) => Promise<T>): Promise<T[]> =>
      Promise.all(this.sites().map((site) => this.onGateway(site, work)));
    const isEqual = async (): Promise<true | undefined> =>
      new Set(await each((one) => fingerprint(one, database))).size === 1 ? true : undefined;
    // Rows that differ for good are for the checker to tell.
    await poll("both sides have the same rows", isEqual, convergeMs, signal).catch(() =>
      signal.throwIfAborted(),
    );
    const read = async (): Promise<Conflict[]> =>
      (await each((one) => readConflicts(one, database, since - clockMarginMs))).flat();
    const conflicts = await unchanging(read, signal);
    const rows = await each((one) => readRows(one, database));
    return { rows: Object.fromEntries(this.sites().map((site, index) => [site, rows[index]!])), conflicts };
  }

  async repair(): Promise<void> {
    await runCommand("resync", ["repair", "--stack", this.stack]);
  }

  protected sites(): string[] {
    return [this.siteOf("primary"), this.siteOf("secondary")];
  }

  private client(site: string): ClientHost {
    const found = this.clients[site];
    if (!found) throw new Error(`no client host of site ${site} is known`);
    return found;
  }

  private specification(site: string, timeoutMs: number): Specification {
    const far = this.sites().find((other) => other !== site)!;
    const place = { site, gateway: this.client(site).gateway, farHost: this.client(far).address };
    const history = `${directory}/${site}.jsonl`;
    return specification(place, this.deployed, { ...this.pace(), history, timeoutMs });
  }

  /** Starts the service that requests over the backup path are for, where it doesn't run. */
  private async ensureService(site: string): Promise<void> {
    if (servicePort(this.deployed) === undefined) return;
    await this.onGateway(site, async (session) => {
      if ((await run(session, `ss -Hltn 'src ${loopback}:${drillPort}'`)).trim() !== "") return;
      await install(session);
      await startEcho({ session, prefix: "" }, loopback, drillPort);
    });
  }

  private async prepareDatabase(specs: readonly Specification[]): Promise<void> {
    if (!this.deployed.database) return;
    const { name, owner } = this.deployed.database;
    const keys = seedKeys(specs);
    await this.onGateway(this.siteOf("primary"), (session) => psql(session, name, prepareSql(owner, keys)));
    const there = (): Promise<true | undefined> =>
      this.onGateway(this.siteOf("secondary"), (session) => readRows(session, name)).then(
        (rows) => (rows.length === keys.length ? true : undefined),
        () => undefined,
      );
    await poll("the clients' rows are on both sides", there, convergeMs, new AbortController().signal);
  }
}

/** Reads a list until it has stopped growing. */
async function unchanging<T>(read: () => Promise<T[]>, signal: AbortSignal): Promise<T[]> {
  for (let before = await read(); ;) {
    await sleep(quietMs, undefined, { signal });
    const after = await read();
    if (after.length === before.length) return after;
    before = after;
  }
}
