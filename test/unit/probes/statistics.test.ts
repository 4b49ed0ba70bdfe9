import * as fc from "fast-check";
import { jitter, lossPercent, percentile, summarise } from "../../../providers/probes/statistics";

test("percentiles are nearest-rank values of the sample", () => {
  const sorted = Array.from({ length: 200 }, (_, i) => i + 1);
  expect(percentile(sorted, 50)).toBe(100);
  expect(percentile(sorted, 95)).toBe(190);
  expect(percentile(sorted, 99)).toBe(198);
  expect(percentile(sorted, 100)).toBe(200);
  expect(percentile([7], 99)).toBe(7);
});

test("jitter is the mean absolute difference of consecutive round trips, so order matters", () => {
  expect(jitter([84, 86, 84, 86])).toBe(2);
  expect(jitter([84, 84, 86, 86])).toBeCloseTo(0.667, 3);
  expect(jitter([84])).toBe(0);
});

test("a summary keeps the order of its percentiles and needs an answer", () => {
  expect(summarise([])).toBeUndefined();
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), { minLength: 1 }), (rtts) => {
      const summary = summarise(rtts)!;
      expect(summary.p50).toBeLessThanOrEqual(summary.p95);
      expect(summary.p95).toBeLessThanOrEqual(summary.p99);
      expect(summary.jitter).toBeGreaterThanOrEqual(0);
    }),
  );
});

test("loss is a share of the probes sent", () => {
  expect(lossPercent(200, 190)).toBe(5);
  expect(lossPercent(200, 200)).toBe(0);
  expect(lossPercent(3, 2)).toBe(33.33);
  expect(lossPercent(0, 0)).toBe(100);
});
