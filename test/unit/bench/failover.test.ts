import { distributions, wanted, type Wanted } from "../../../bench/failover";
import { figure } from "../../../bench/figure";
import { drillsNamed } from "../../../drills/catalogue";
import { type DrillResult, nothingChecked } from "../../../drills/report";

const one: Wanted = {
  drill: "cut-tunnel",
  figure: "fault → other site",
  name: "cut → backup",
  baseline: true,
};

function result(name: string, ms?: number): DrillResult {
  const figures =
    ms === undefined ? [] : [figure("fault → other site", "ms", [ms], [{ of: "max", atMost: 3000 }])];
  const clients = { outageMs: {}, failedRequests: {}, failedBetweenMs: {}, states: [] };
  return { name, passed: true, failures: [], ...clients, promises: nothingChecked, figures };
}

test("the runs of a drill make one distribution, with the drill's bound", () => {
  const runs = [result("cut-tunnel", 900), result("flap", 1), result("cut-tunnel", 1500)];
  expect(distributions(runs, [one])).toEqual([
    figure("cut → backup", "ms", [900, 1500], [{ of: "max", atMost: 3000 }]),
  ]);
});

test("a baseline stands beside it without a bound", () => {
  expect(distributions([result("cut-tunnel", 9000)], [one], ", bfd: off", [])).toEqual([
    figure("cut → backup, bfd: off", "ms", [9000]),
  ]);
});

test("a run that didn't see what is wanted isn't left out in silence", () => {
  const runs = [result("cut-tunnel", 900), result("cut-tunnel")];
  expect(() => distributions(runs, [one])).toThrow('cut-tunnel: 1 of 2 runs saw no "fault → other site"');
});

test("every figure is of a drill that exists", () => {
  for (const { drill } of wanted) expect(drillsNamed(drill)).toHaveLength(1);
});
