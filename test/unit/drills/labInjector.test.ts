import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { everything, icmp, ipsec } from "../../../drills/faults";
import { type Journal, openJournal } from "../../../drills/journal";
import { LabInjector } from "../../../drills/lab/injector";
import type { Injection } from "../../../drills/model";
import type { Ocean } from "../../../lab/ocean";
import { labPaths } from "../../../lab/paths";

let directory: string;
let journal: Journal;
let asked: string[];
let injector: LabInjector;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "drill-"));
  journal = openJournal(join(directory, "drill.json"));
  asked = [];
  const ocean: Pick<Ocean, "force" | "set"> = {
    force: async (faults) => {
      asked.push(`force ${faults.map(({ name }) => name).join(", ")}`);
      return 7;
    },
    set: async ({ rttMs, lossPercent }) => void asked.push(`set ${rttMs} ms, ${lossPercent} %`),
  };
  const siteOf = () => "la" as const;
  injector = new LabInjector(
    labPaths({}),
    ocean as Ocean,
    journal,
    siteOf,
    () => "la-gw1",
    async () => 9000,
  );
});

afterEach(() => rmSync(directory, { recursive: true }));

const cut = (fault: typeof ipsec): Injection => ({ kind: "network", fault });

async function inject(what: Injection): Promise<number> {
  journal.add("test", what);
  return injector.inject(what);
}

async function undo(what: Injection): Promise<void> {
  await injector.undo(what);
  journal.remove(what);
}

test("faults of the network add up, and the end of one leaves the others in force, also an equal one", async () => {
  expect(await inject(cut(ipsec))).toBe(7000);
  await inject(cut(icmp));
  await inject(cut(ipsec));
  await undo(cut(ipsec));
  await undo(cut(icmp));
  await undo(cut(ipsec));
  expect(asked).toEqual([
    "force ipsec",
    "force ipsec, icmp",
    "force ipsec, icmp, ipsec",
    "force ipsec, icmp",
    "force ipsec",
    "force ",
  ]);
});

test("the ocean becomes calm, but for what else is done to it", async () => {
  const loss: Injection = { kind: "water", lossPercent: 10 };
  const delay: Injection = { kind: "water", rttMs: 300 };
  expect(await inject(loss)).toBe(9000);
  await inject(delay);
  await inject(cut(everything));
  await undo(loss);
  await undo(delay);
  expect(asked).toEqual([
    "set undefined ms, 10 %",
    "set 300 ms, undefined %",
    "force everything",
    "set 84 ms, 0 %",
    "set 300 ms, undefined %",
    "set 84 ms, 0 %",
  ]);
});
