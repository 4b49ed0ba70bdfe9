import { readFileSync, rmSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Webhook } from "../link/health/gateway";
import { cut, healthy, KeeperHost } from "./keeperHost";

jest.setTimeout(60_000);

let host: KeeperHost;
let webhook: Webhook | undefined;

beforeEach(async () => {
  host = new KeeperHost();
  await host.listen();
});

afterEach(async () => {
  webhook?.close();
  webhook = undefined;
  await host.remove();
});

/** Whether new connections are held on the backup path, by what the proxy was given. */
function held(): boolean {
  return host.given("endpoints-postgres.json").includes("DEGRADED");
}

/** The names of each listener's chains, by what the proxy was given. */
function chains(): Record<string, string[]> {
  const { resources } = JSON.parse(host.given("listeners.json")) as {
    resources: { name: string; filter_chains: { name?: string }[] }[];
  };
  return Object.fromEntries(
    resources.map(({ name, filter_chains }) => [name, filter_chains.map((one) => one.name ?? "")]),
  );
}

/** The name of the chains through which connections enter the backup path. */
function chain(): string {
  return chains()["backup-postgres"]![0]!;
}

describe("states", () => {
  test("a link that carries beside a healthy public way is standby; a cut makes the backup path active", async () => {
    expect(await host.look(0, healthy)).toMatchObject({
      state: "standby",
      link: true,
      public: true,
      cuts: 0,
    });
    expect(await host.look(1, cut)).toMatchObject({
      state: "active",
      link: false,
      cuts: 1,
      since: 1_000_001,
    });
    expect(await host.look(2, healthy)).toMatchObject({ state: "standby", cuts: 1 });
  });

  test("a public way that is down is said while the link carries, and both down is down", async () => {
    expect((await host.look(0, { ...healthy, public: false })).state).toBe("standby-unhealthy");
    expect((await host.look(1, { ...cut, public: false })).state).toBe("down");
  });

  test("a link that refuses connects counts as cut before a health check has failed", async () => {
    await host.look(0, healthy);
    expect(await host.look(1, { ...healthy, ejected: true })).toMatchObject({ state: "active", cuts: 1 });
  });

  test("a cut ends what the peer has made over the link, each time, and nothing else of the proxy", async () => {
    await host.look(0, healthy);
    const before = chains();
    expect(before).toMatchObject({
      "site-postgres": ["link"],
      "site-vault": ["site"],
      peer: ["link", "public"],
    });
    await host.look(1, cut);
    expect(chains()).toEqual({ ...before, "site-postgres": ["link-1"] });
    await host.look(2, healthy);
    expect(chains()).toEqual({ ...before, "site-postgres": ["link-1"] });
    await host.look(3, cut);
    expect(chains()).toEqual({ ...before, "site-postgres": ["link-2"] });
  });

  test("a proxy that hasn't checked its paths yet tells nothing, and is no cut", async () => {
    expect((await host.look(0, { ...healthy, link: "pending" })).state).toBe("unknown");
    await host.look(1, healthy);
    expect(await host.look(2, { ...healthy, link: "pending" })).toMatchObject({ state: "standby", cuts: 0 });
    expect(await host.look(3, { ...healthy, empty: true })).toMatchObject({ state: "standby", cuts: 0 });
  });

  test("what a deployment does to the paths, which restarts the keeper, is no cut; a link that stays away is told", async () => {
    await host.look(0, healthy);
    await host.stop();
    expect(await host.states(1, 5, cut)).toEqual(["standby"]);
    expect(await host.look(6, cut)).toMatchObject({ state: "active", cuts: 0 });
    expect(await host.look(7, healthy)).toMatchObject({ state: "standby" });
    expect(await host.look(8, cut)).toMatchObject({ state: "active", cuts: 1 });
  });

  test("a proxy that is restarted is waited for, one that stays away is down", async () => {
    await host.look(0, healthy);
    expect(await host.states(1, 4, "silent")).toEqual(["standby"]);
    expect(await host.look(5, "silent")).toMatchObject({
      state: "down",
      reason: "the proxy does not answer",
      link: null,
    });
    expect((await host.look(6, healthy)).state).toBe("standby");
  });
});

describe("the hold", () => {
  test("one cut is none, a second within the window is held after the link is back", async () => {
    await host.look(0, healthy);
    await host.look(1, cut);
    expect(held()).toBe(false);
    await host.look(5, healthy);
    expect((await host.look(60, cut)).state).toBe("active");
    // Before the link is back, so that no connection gets there first.
    expect(held()).toBe(true);
    expect(await host.look(70, healthy)).toMatchObject({ state: "held", holdSeconds: 10 });
    expect(await host.states(71, 79, healthy)).toEqual(["held"]);
    expect((await host.look(80, healthy)).state).toBe("standby");
    expect(held()).toBe(false);
  });

  test("a second cut after the window is a first one again", async () => {
    expect((await host.look(0, healthy)).calm).toBe(true);
    await host.look(1, cut);
    await host.look(2, healthy);
    expect((await host.look(61, healthy)).calm).toBe(false);
    expect((await host.look(62, cut)).calm).toBe(false);
    expect((await host.look(63, healthy)).state).toBe("standby");
  });

  test("each further cut holds twice as long, up to the longest, and quiet starts from the beginning", async () => {
    await host.look(0, healthy);
    const holds: number[] = [];
    let at = 1;
    for (let cuts = 0; cuts < 4; cuts++) {
      await host.look(at, cut);
      const { holdSeconds } = await host.look(at + 1, healthy);
      holds.push(holdSeconds);
      // Released, and then cut again within the window.
      at += 2 + holdSeconds;
      await host.look(at, healthy);
      at += 30;
    }
    expect(holds).toEqual([0, 10, 20, 25]);
    at += 31;
    await host.look(at, cut);
    expect((await host.look(at + 1, healthy)).state).toBe("standby");
  });

  test("a cut during a hold counts, and the hold begins anew when the link is back", async () => {
    await host.look(0, healthy);
    await host.look(1, cut);
    await host.look(2, healthy);
    await host.look(3, cut);
    expect((await host.look(4, healthy)).state).toBe("held");
    expect((await host.look(8, cut)).state).toBe("active");
    expect(await host.look(9, healthy)).toMatchObject({ state: "held", holdSeconds: 20 });
  });

  test("nothing is held on a public way that is down", async () => {
    await host.look(0, healthy);
    await host.look(1, cut);
    await host.look(2, healthy);
    await host.look(3, cut);
    expect((await host.look(4, healthy)).state).toBe("held");
    expect((await host.look(5, { ...healthy, public: false })).state).toBe("standby-unhealthy");
    expect(held()).toBe(false);
  });

  test("it outlasts a restart of the keeper, and a proxy that starts meanwhile is given it", async () => {
    await host.look(0, healthy);
    await host.look(1, cut);
    await host.look(2, healthy);
    await host.look(3, cut);
    await host.look(4, healthy);
    await host.stop();
    for (const name of host.files()) rmSync(`${host.runtime}/${name}`);
    expect(host.run("publish").status).toBe(0);
    expect(held()).toBe(true);
    expect(await host.look(6, healthy)).toMatchObject({ state: "held", holdSeconds: 8 });
  });

  test("a clock that is set back holds nothing for longer", async () => {
    await host.look(5000, healthy);
    await host.look(5001, cut);
    await host.look(5002, healthy);
    await host.look(5003, cut);
    await host.look(5004, healthy);
    expect((await host.look(0, healthy)).holdSeconds).toBeLessThanOrEqual(25);
    expect((await host.look(26, healthy)).state).toBe("standby");
  });
});

describe("the drain", () => {
  test("connections that stay on the backup path are ended after their time, and nobody before", async () => {
    await host.look(0, healthy);
    await host.look(1, { ...cut, backup: 3 });
    expect(await host.look(2, { ...healthy, backup: 3 })).toMatchObject({ drainSeconds: 30 });
    expect(chain()).toBe("0");
    await host.look(31, { ...healthy, backup: 3 });
    expect(chain()).toBe("0");
    await host.look(32, { ...healthy, backup: 3 });
    expect(chain()).toBe("1");
    expect(host.log).toContain("draining: 3 connections leave the backup path");
  });

  test("without such connections there is none, and another cut puts it off", async () => {
    await host.look(0, healthy);
    await host.look(1, { ...cut, backup: 1 });
    await host.look(2, healthy);
    await host.look(40, healthy);
    await host.look(100, { ...cut, backup: 1 });
    await host.look(101, { ...healthy, backup: 1 });
    await host.look(120, { ...cut, backup: 1 });
    await host.look(140, { ...cut, backup: 1 });
    expect(chain()).toBe("0");
  });

  test("it changes the ways into the backup path and nothing else of the listeners", async () => {
    await host.look(0, healthy);
    const before = JSON.parse(host.given("listeners.json")) as { resources: { name: string }[] };
    await host.look(1, { ...healthy, backup: 1 });
    await host.look(31, { ...healthy, backup: 1 });
    const after = JSON.parse(host.given("listeners.json")) as typeof before;
    const changed = after.resources.filter(
      (listener, index) => JSON.stringify(listener) !== JSON.stringify(before.resources[index]),
    );
    expect(changed.map(({ name }) => name)).toEqual(["backup-postgres", "backup-vault"]);
  });
});

describe("the proxy's files", () => {
  test("are what was deployed, before the proxy starts", () => {
    expect(host.run("publish")).toMatchObject({ status: 0, stderr: "" });
    expect(host.files()).toEqual([
      "clusters.json",
      "endpoints-postgres.json",
      "endpoints-vault.json",
      "listeners.json",
      "secret-authorities.json",
      "secret-leaf.json",
    ]);
    for (const name of host.files()) {
      const deployed = readFileSync(`${host.templates}/${name}`, "utf8");
      expect(JSON.parse(host.given(name))).toEqual(JSON.parse(deployed));
    }
  });

  test("follow a deployment while the proxy runs, and what isn't deployed any more goes", async () => {
    await host.look(0, healthy);
    host.deploy("clusters.json", '{"resources": []}');
    host.deploy("endpoints-vault.json", undefined);
    await host.look(1, healthy);
    expect(JSON.parse(host.given("clusters.json"))).toEqual({ resources: [] });
    expect(host.files()).not.toContain("endpoints-vault.json");
  });
});

describe("files that the proxy refuses", () => {
  const listeners = "listener_manager.lds";
  const taken = { [listeners]: { success: 1, rejected: 0 } };
  const refused = { [listeners]: { success: 1, rejected: 1 } };
  /** How often a file was put in place. */
  const places = (): number => statSync(join(host.runtime, "clusters.json")).ino;

  beforeEach(() => (host.updates = taken));

  test("are named, tried again every 15 s, and forgotten once they are taken", async () => {
    expect(await host.look(0, healthy)).toMatchObject({ state: "standby", refused: [] });
    host.updates = refused;
    expect(await host.look(5, healthy)).toMatchObject({ state: "standby", refused: [] });
    expect(await host.states(6, 10, healthy)).toEqual(["standby", "standby-unhealthy"]);
    const told = await host.look(11, healthy);
    expect(told).toMatchObject({
      state: "standby-unhealthy",
      reason:
        "the link carries, the public way is healthy; the proxy refuses listeners and goes on with what it had",
      refused: ["listeners"],
    });
    expect(host.metrics()).toMatch(/^crossborder_backup_refused_updates\{.*\} 1$/m);
    const before = places();
    await host.states(12, 21, healthy);
    expect(places()).toBe(before);
    await host.states(22, 27, healthy);
    expect(places()).not.toBe(before);
    host.updates = { [listeners]: { success: 2, rejected: 1 } };
    expect(await host.states(28, 33, healthy)).toEqual(["standby-unhealthy", "standby"]);
    expect((await host.look(34, healthy)).refused).toEqual([]);
  });

  test("leave the state of a link that is cut as it is", async () => {
    host.updates = { [listeners]: { success: 0, rejected: 1 } };
    expect(await host.look(0, healthy)).toMatchObject({ state: "standby-unhealthy", refused: ["listeners"] });
    expect(await host.look(1, cut)).toMatchObject({
      state: "active",
      reason:
        "the link is down, the public way carries; the proxy refuses listeners and goes on with what it had",
    });
  });

  test("are no news while it isn't known whether the last was taken: the proxy is made to read again", async () => {
    await host.look(0, healthy);
    const before = places();
    host.updates = { ...taken, "cluster.peer-vault": { success: 3, rejected: 2 } };
    expect(await host.states(1, 5, healthy)).toEqual(["standby"]);
    expect(places()).not.toBe(before);
    host.updates = { ...taken, "cluster.peer-vault": { success: 3, rejected: 3 } };
    expect(await host.look(6, healthy)).toMatchObject({ refused: ["endpoints of peer-vault"] });
    // It starts anew, and takes all.
    host.updates = { ...taken, "cluster.peer-vault": { success: 1, rejected: 0 } };
    expect(await host.states(7, 11, healthy)).toEqual(["standby-unhealthy", "standby"]);
  });

  test("are why a proxy that answers says nothing of its paths", async () => {
    host.updates = { "cluster_manager.cds": { success: 0, rejected: 1 } };
    await host.states(0, 5, { ...healthy, empty: true });
    expect(await host.look(6, { ...healthy, empty: true })).toMatchObject({
      state: "down",
      reason: "the proxy refuses clusters",
    });
    await host.states(7, 11, "silent");
    expect((await host.look(12, "silent")).reason).toBe("the proxy does not answer");
  });
});

describe("what is told", () => {
  test("metrics of states, paths and connections", async () => {
    await host.look(0, healthy);
    await host.look(1, { ...cut, backup: 2 });
    const labels = 'site="la",host="la-gw1",link="la-sg"';
    for (const line of [
      `crossborder_backup_state{${labels},state="active"} 1`,
      `crossborder_backup_state{${labels},state="standby"} 0`,
      `crossborder_backup_path_healthy{${labels},path="link"} 0`,
      `crossborder_backup_path_healthy{${labels},path="public"} 1`,
      `crossborder_backup_connections{${labels},service="postgres",path="backup"} 2`,
      `crossborder_backup_look_timestamp_seconds{${labels}} 1000001`,
    ])
      expect(host.metrics().split("\n")).toContain(line);
  });

  test("the latest look with its age", async () => {
    await host.look(0, healthy);
    const shown = await host.show();
    expect(shown).toMatchObject({ state: "standby", ageSeconds: expect.any(Number) });
    expect(shown["ageSeconds"]).toBeGreaterThan(0);
  });

  test("how long the certificates live that the proxy has: the ones that end first", async () => {
    const life = (from: string, to: string) => ({ valid_from: from, expiration_time: to });
    const [authority, leaf] = [
      life("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
      life("2026-05-01T00:00:00Z", "2026-08-01T00:00:00Z"),
    ];
    const former = life("2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z");
    await host.look(0, healthy);
    expect(await host.show()).toMatchObject({ certificate: null, authority: null });
    host.certificates = [
      { ca_cert: [authority], cert_chain: [leaf] },
      { ca_cert: [authority], cert_chain: [former] },
    ];
    expect(await host.show()).toMatchObject({
      certificate: { notBefore: "2026-04-01T00:00:00Z", notAfter: "2026-07-01T00:00:00Z" },
      authority: { notBefore: "2026-01-01T00:00:00Z", notAfter: "2036-01-01T00:00:00Z" },
    });
  });

  test("a memory that can't be understood is a fresh start", async () => {
    mkdirSync(dirname(host.memoryFile));
    writeFileSync(host.memoryFile, '{"state": 7}');
    expect((await host.look(0, healthy)).state).toBe("standby");
    expect(host.log).toContain("starting afresh");
  });

  describe("the webhook", () => {
    beforeEach(async () => {
      webhook = new Webhook(host.root);
      host.configure({ webhook: await webhook.listen() });
      host.trust(webhook.certificateFile);
    });

    test("hears of changes, and of nothing else", async () => {
      for (const [at, proxy] of [healthy, healthy, { ...cut, backup: 2 }, cut, healthy].entries())
        await host.look(at, proxy);
      expect(webhook!.received).toEqual([
        {
          site: "la",
          host: "la-gw1",
          backup: "la-sg",
          from: "standby",
          to: "active",
          at: "1970-01-12T13:46:42Z",
          reason: "the link is down, the public way carries",
          figures: expect.objectContaining({ link: false, public: true, cuts: 1 }),
        },
        expect.objectContaining({ from: "active", to: "standby" }),
      ]);
    });

    test("what it missed is sent later, in order, and its URL is told nowhere", async () => {
      webhook!.status = 503;
      await host.look(0, healthy);
      await host.look(1, cut);
      await host.look(2, healthy);
      expect(host.metrics()).toMatch(/^crossborder_backup_webhook_pending\{.*\} 2$/m);
      webhook!.status = 204;
      for (let at = 3; at < 23; at++) await host.look(at, healthy);
      expect(webhook!.received.map(({ to }) => to)).toEqual(["active", "standby"]);
      expect(host.log).toContain("the webhook was not reached (it answered 503)");
      expect(host.log + host.metrics() + readFileSync(host.memoryFile, "utf8")).not.toContain("t0ken");
    });
  });
});

describe("what other components have in the proxy", () => {
  const choice = (content: string) => JSON.stringify({ resources: [{ chosen: content }] });
  const chainOf = (name: string) => chains()[name]![0];

  function deployListener(): void {
    const template = JSON.parse(readFileSync(join(host.templates, "listeners.json"), "utf8")) as {
      resources: object[];
    };
    const other = { name: "vip-serve-postgres", internal_listener: {}, filter_chains: [{ name: "0" }] };
    const resources = [...template.resources, other];
    host.deploy("listeners.json", JSON.stringify({ resources }));
  }

  test("a choice is given once, stays what somebody made of it, and goes with its template", async () => {
    host.deploy("choice-vip-postgres.json", choice("first"));
    await host.look(0, healthy);
    expect(host.given("choice-vip-postgres.json")).toContain("first");
    writeFileSync(join(host.runtime, "choice-vip-postgres.json"), choice("theirs"));
    host.deploy("choice-vip-postgres.json", choice("another first"));
    await host.look(1, healthy);
    expect(host.given("choice-vip-postgres.json")).toContain("theirs");
    host.deploy("choice-vip-postgres.json", undefined);
    await host.look(2, healthy);
    expect(host.files()).not.toContain("choice-vip-postgres.json");
  });

  test("their internal listeners are drained when they say so, and not with the backup path", async () => {
    const drainsFile = join(host.root, "drains.json");
    host.configure({ drainsFile });
    deployListener();
    await host.look(0, healthy);
    expect([chainOf("vip-serve-postgres"), chain()]).toEqual(["0", "0"]);
    writeFileSync(drainsFile, JSON.stringify({ "vip-serve-postgres": 3 }));
    await host.look(1, healthy);
    expect([chainOf("vip-serve-postgres"), chain()]).toEqual(["3", "0"]);
    await host.look(2, { ...healthy, backup: 1 });
    await host.look(32, { ...healthy, backup: 1 });
    expect([chainOf("vip-serve-postgres"), chain()]).toEqual(["3", "1"]);
  });
});
