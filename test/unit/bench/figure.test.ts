import { distribution, figure, holds, ratio, renderFigures } from "../../../bench/figure";

describe("a distribution", () => {
  it("doesn't depend on the order of its values and leaves them as they were", () => {
    const values = [5, 1, 3, 2, 4];
    expect(distribution(values)).toEqual({ n: 5, min: 1, p50: 3, p95: 5, max: 5 });
    expect(values).toEqual([5, 1, 3, 2, 4]);
  });

  it("of nothing is an error", () => {
    expect(() => distribution([])).toThrow("nothing was measured");
  });
});

describe("bounds", () => {
  it("hold at their very value", () => {
    expect(holds(figure("f", "s", [1, 2, 3], [{ of: "max", atMost: 3 }]))).toBe(true);
  });

  it("that a value has to be below don't hold at it", () => {
    expect(holds(figure("f", "%", [0.1], [{ of: "max", below: 0.1 }]))).toBe(false);
    expect(holds(figure("f", "%", [0.09], [{ of: "max", below: 0.1 }]))).toBe(true);
  });

  it("all have to hold", () => {
    const one = figure(
      "f",
      "s",
      [1, 2, 9],
      [
        { of: "p50", atMost: 3 },
        { of: "max", atMost: 5 },
      ],
    );
    expect(holds(one)).toBe(false);
  });

  it("are none for a figure that only stands beside another", () => {
    expect(holds(figure("f", "s", [1e9]))).toBe(true);
  });
});

test("a ratio compares medians and has bounds of its own", () => {
  const bound = { of: "max", atMost: 1.03 } as const;
  const slow = ratio("r", figure("a", "ms", [80, 88, 900]), figure("b", "ms", [1, 80, 81]), [bound]);
  expect(slow.distribution.max).toBeCloseTo(1.1);
  expect(holds(slow)).toBe(false);
});

test("the table names each bound and whether it holds", () => {
  const table = renderFigures([
    figure("first pulumi up", "s", [61.234], [{ of: "max", atMost: 180 }]),
    figure("  SSH logins on la", "logins", [2], [{ of: "max", atMost: 1 }]),
    figure("  tunnel ÷ underlay", "×", [1.01234]),
  ]);
  expect(table).toMatchInlineSnapshot(`
   "                                     n      min      p50      p95      max   bound
   first pulumi up      s               1    61.23    61.23    61.23    61.23   max ≤ 180  ok
     SSH logins on la   logins          1        2        2        2        2   max ≤ 1  MISSED
     tunnel ÷ underlay  ×               1    1.012    1.012    1.012    1.012"
  `);
});
