import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drillsNamed } from "../../../drills/catalogue";
import type { Deployment } from "../../../drills/deployment";
import type { Attempt } from "../../../drills/history";
import { openJournal } from "../../../drills/journal";
import { describe as said, type Injection } from "../../../drills/model";
import { type Clock, runDrill, type Stand } from "../../../drills/run";

const cutTunnel = drillsNamed("cut-tunnel")[0]!;
const services = [{ name: "drill", localPort: 17020, listen: "site" as const }];

let directory: string;
let now: number;
let done: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "drill-"));
  now = 0;
  done = [];
});

afterEach(() => rmSync(directory, { recursive: true }));

/** Time that passes as soon as somebody waits for it. */
const clock: Clock = {
  now: () => now,
  sleep: async (ms, signal) => {
    signal.throwIfAborted();
    now += Math.max(0, ms);
  },
};

interface Quirks {
  /** How many requests a client has answered after a time. */
  readonly answered?: (ms: number) => number;
  readonly deployed?: object;
  readonly onInject?: () => void;
  /** What the client's history says in the end. */
  readonly told?: () => Attempt[];
  /** Whether there is a database, with a row that is on one side until it is repaired. */
  readonly hasRows?: boolean;
}

/** A stack whose one client asks ten times a second, in vain for a second after each fault. */
function stand({
  answered = (ms) => ms / 50,
  deployed = { backup: { services } },
  onInject,
  told,
  hasRows = false,
}: Quirks = {}) {
  const journal = openJournal(join(directory, "drill.json"));
  const faults: number[] = [];
  const did = (verb: string) => async (what: Injection) => {
    done.push(`${verb} ${said(what)}`);
    return now;
  };
  const requests = (): Attempt[] =>
    Array.from({ length: Math.floor(now / 100) }, (_, index) => index * 100).map((at) => ({
      ...{ client: "la-service", id: String(at), attempt: 1, kind: "request", at, ended: at + 1, took: 1 },
      outcome: faults.some((fault) => at >= fault && at < fault + 1000) ? "failed" : "ok",
    }));
  const one: Stand = {
    journal,
    deployed: deployed as Deployment,
    siteOf: (role) => (role === "primary" ? "la" : "sg"),
    inject: async (what) => {
      onInject?.();
      faults.push(now);
      return did("inject")(what);
    },
    heal: did("heal"),
    undo: async (what) => void (await did("undo")(what)),
    watch: async () => ({
      clients: ["la-service"],
      answered: async () => ({ "la-service": answered(now) }),
      finish: async () => {
        done.push("finish");
        const paths = requests().map(({ at }) => ({
          site: "la",
          at,
          path: "tunnel" as const,
          state: "standby",
        }));
        return { attempts: told?.() ?? requests(), paths };
      },
    }),
    calm: async () => void done.push("calm"),
    settle: async () => void done.push("settle"),
    data: async () => {
      const repaired = done.includes("repair");
      const row = { key: "delete/shared/1", value: "x", previous: null };
      return hasRows ? { rows: { la: [row], sg: repaired ? [row] : [] }, conflicts: [] } : undefined;
    },
    repair: async () => void done.push("repair"),
    close: () => undefined,
  };
  return { one, journal };
}

function run(one: Stand, signal = new AbortController().signal) {
  return runDrill(cutTunnel, one, signal, () => undefined, clock);
}

test("a drill lets clients run, breaks, heals, waits until all is well, and judges what they saw", async () => {
  const { one, journal } = stand();
  const result = await run(one);
  expect(done).toEqual(["calm", "inject cut ipsec", "heal cut ipsec", "settle", "finish"]);
  expect(result).toMatchObject({ passed: true, failures: [] });
  expect(result.outageMs).toEqual({ "la-service": 1000 });
  expect(journal.inForce()).toEqual([]);
});

test("rows that differ are repaired, and are told all the same", async () => {
  const result = await run(stand({ hasRows: true }).one);
  expect(done.slice(-2)).toEqual(["finish", "repair"]);
  expect(result.failures).toEqual(["promise (c) is broken 1 times: delete/shared/1."]);
});

describe("nothing is broken while a client has too few answers: it would be blamed on the fault", () => {
  const request = { client: "la-service", attempt: 1, kind: "request", at: 0, ended: 1, took: 1 } as const;

  test.each<[string, () => Attempt[], string]>([
    [
      "its last error is told, not the one before",
      () => [
        { ...request, id: "1", outcome: "failed", error: "ConnectionRefusedError: [Errno 111]" },
        { ...request, id: "2", outcome: "failed", error: "TimeoutError: timed out" },
      ],
      "la-service (0 of 2 requests answered, last error: TimeoutError: timed out)",
    ],
    [
      "one that is answered, but seldom",
      () => [{ ...request, id: "1", outcome: "ok" }],
      "la-service (1 of 1 requests answered)",
    ],
    ["one that waits for ever", () => [], "la-service (no request of it ended)"],
    [
      "a history that can't be had hides no name",
      () => {
        throw new Error("the client's host is gone");
      },
      "la-service",
    ],
  ])("%s", async (_, told, words) => {
    const { one } = stand({ answered: () => 0, told });
    await expect(run(one)).rejects.toThrow(new Error(`before any fault, too few answers: ${words}`));
    expect(done.filter((what) => what !== "finish")).toEqual(["calm"]);
    expect(done).toContain("finish");
  });
});

test("nothing is begun on a stack that lacks what the drill is about", async () => {
  await expect(run(stand({ deployed: {} }).one)).rejects.toThrow("crossborder:backup is off");
  expect(done).toEqual([]);
});

test("an injection that fails is undone, and the clients are ended", async () => {
  const { one, journal } = stand({
    onInject: () => {
      throw new Error("no answer");
    },
  });
  await expect(run(one)).rejects.toThrow("no answer");
  expect(done).toEqual(["calm", "undo cut ipsec", "finish"]);
  expect(journal.inForce()).toEqual([]);
});

test("an interrupt undoes what is in force", async () => {
  const interruption = new AbortController();
  const { one, journal } = stand({ onInject: () => interruption.abort(new Error("interrupted")) });
  await expect(run(one, interruption.signal)).rejects.toThrow("interrupted");
  expect(done).toEqual(["calm", "inject cut ipsec", "undo cut ipsec", "finish"]);
  expect(journal.inForce()).toEqual([]);
});
