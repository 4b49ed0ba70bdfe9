import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drills, drillsNamed } from "../../../drills/catalogue";
import { ipsec } from "../../../drills/faults";
import { type Injector, runSteps, undoAll } from "../../../drills/injector";
import { type Journal, openJournal } from "../../../drills/journal";
import { describe as said, flapping, type Injection, lasting, timeline } from "../../../drills/model";

const cut: Injection = { kind: "network", fault: ipsec };
const kill: Injection = { kind: "kill", host: "primary" };
const destroy: Injection = { kind: "destroy-disk", host: "primary" };

describe("steps", () => {
  it("happen in the order of their times, heals first among what happens at once", () => {
    const events = timeline([lasting(kill, 10, 5), lasting(cut, 5)]);
    expect(events.map(({ atSeconds, what, inject }) => `${atSeconds} ${what} ${said(inject)}`)).toEqual([
      "0 inject cut ipsec",
      "5 heal cut ipsec",
      "5 inject kill primary",
      "15 heal kill primary",
    ]);
  });

  it("of a flap are there for as long as they aren't, within the time", () => {
    const times = timeline(flapping(cut, 5, 60)).map(({ atSeconds }) => atSeconds);
    expect(times).toHaveLength(12);
    expect(times.slice(0, 4)).toEqual([0, 5, 10, 15]);
    expect(times.at(-1)).toBeLessThanOrEqual(60);
  });
});

describe("the catalogue", () => {
  it("has names of their own, a description in one line, and faults that begin at once", () => {
    expect(new Set(drills.map(({ name }) => name)).size).toBe(drills.length);
    for (const drill of drills) {
      expect(drill.name).toMatch(/^[a-z0-9-]{1,20}$/);
      expect(drill.description).not.toMatch(/\n/);
      expect(timeline(drill.steps)[0]).toMatchObject({ atSeconds: 0, what: "inject" });
    }
  });

  it("finds a drill by its name, and both ways by what their names have in common", () => {
    expect(drillsNamed("cut-all").map(({ name }) => name)).toEqual(["cut-all"]);
    expect(drillsNamed("one-way").map(({ name }) => name)).toEqual(["one-way-la-sg", "one-way-sg-la"]);
    expect(drillsNamed("cut-alll")).toEqual([]);
  });

  it("calls destructive what takes a host's power, disk or clock", () => {
    const costly = new Set(["kill", "pause", "reboot", "destroy-disk", "full-disk", "clock-skew"]);
    for (const { destructive, steps } of drills)
      expect(destructive).toBe(steps.some(({ inject }) => costly.has(inject.kind)));
  });
});

let directory: string;
let journal: Journal;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "drill-"));
  journal = openJournal(join(directory, "drill.json"));
});

afterEach(() => rmSync(directory, { recursive: true }));

/** An injector that notes what it is asked for, and what the journal says then. */
function recorder(fails: (what: string) => boolean = () => false) {
  const calls: string[] = [];
  const call = (verb: string) => async (what: Injection) => {
    calls.push(`${verb} ${said(what)}; in force: ${journal.inForce().map(said).join(", ")}`);
    if (fails(`${verb} ${said(what)}`)) throw new Error("no answer");
    return calls.length;
  };
  const undo = call("undo");
  const injector: Injector = {
    inject: call("inject"),
    heal: call("heal"),
    undo: async (what) => void (await undo(what)),
  };
  return { injector, calls };
}

const context = (injector: Injector, signal = new AbortController().signal) => ({
  ...{ drill: "test", injector, journal, signal, waitUntil: async () => undefined, say: () => undefined },
});

describe("a drill", () => {
  it("writes down what it injects before it happens, and strikes it out once it is healed", async () => {
    const { injector, calls } = recorder();
    const moments = await runSteps([lasting(cut, 5)], context(injector));
    expect(calls).toEqual(["inject cut ipsec; in force: cut ipsec", "heal cut ipsec; in force: cut ipsec"]);
    expect(moments.map(({ what, at }) => [what, at])).toEqual([
      ["inject", 1],
      ["heal", 2],
    ]);
    expect(existsSync(join(directory, "drill.json"))).toBe(false);
  });

  it("leaves to undo a disk that an empty host has healed", async () => {
    const { injector } = recorder();
    await runSteps([lasting(destroy, 5)], context(injector));
    expect(journal.inForce()).toEqual([destroy]);
  });

  it("that is interrupted leaves in the journal what is in force, for whoever comes next", async () => {
    const interruption = new AbortController();
    const { injector } = recorder();
    const steps = [lasting(cut, 20), lasting(kill, 20, 5)];
    const waitUntil = async (seconds: number) => {
      if (seconds === 20) interruption.abort(new Error("interrupted"));
    };
    const running = runSteps(steps, { ...context(injector, interruption.signal), waitUntil });
    await expect(running).rejects.toThrow("interrupted");
    const next = openJournal(join(directory, "drill.json"));
    expect(next.owner()).toMatchObject({ drill: "test", pid: process.pid });
    expect(next.inForce()).toEqual([cut, kill]);
  });

  it("whose injection fails leaves it in the journal: it may have happened", async () => {
    const { injector } = recorder((what) => what === "inject kill primary");
    await expect(runSteps([lasting(kill, 5)], context(injector))).rejects.toThrow("no answer");
    expect(journal.inForce()).toEqual([kill]);
  });
});

describe("undoing", () => {
  it("goes from the newest to the oldest, and leaves no journal", async () => {
    for (const one of [cut, kill, cut]) journal.add("test", one);
    const { injector, calls } = recorder();
    await undoAll(journal, injector, () => undefined);
    expect(calls.map((call) => call.split(";")[0])).toEqual([
      "undo cut ipsec",
      "undo kill primary",
      "undo cut ipsec",
    ]);
    expect(journal.owner()).toBeUndefined();
  });

  it("goes on when one can't be undone, keeps that one, and names it", async () => {
    for (const one of [cut, kill]) journal.add("test", one);
    const { injector } = recorder((what) => what === "undo kill primary");
    await expect(undoAll(journal, injector, () => undefined)).rejects.toThrow("kill primary: no answer");
    expect(journal.inForce()).toEqual([kill]);
  });
});

test("a journal that can't be read is an error: to take it for none would leave a fault in force", () => {
  writeFileSync(join(directory, "drill.json"), '{"drill":"test","pid":1,"inForce":[{"kind":"unheard-of"}]}');
  expect(() => journal.inForce()).toThrow("isn't a journal");
});
