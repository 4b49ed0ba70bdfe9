import { backAfter, parseExchanges, steady } from "../../../bench/connections/exchanges";

describe("exchanges", () => {
  it("are read as they were written", () => {
    expect(parseExchanges("0 1000 12.5\n4999 1001 lost\n")).toEqual([
      { connection: 0, sent: 1000, took: 12.5 },
      { connection: 4999, sent: 1001, took: undefined },
    ]);
    expect(() => parseExchanges("0 1000")).toThrow("not an exchange: 0 1000");
  });

  it("that were sent within the time count, and nothing else", () => {
    const found = parseExchanges("0 999 lost\n0 1000 10\n1 1500 lost\n2 1600 30\n3 1999 40\n0 2000 lost\n");
    expect(steady(found, 1000, 2000, 40)).toEqual({ lostPercent: 25, tookMs: [10, 30, 40] });
  });

  it("are lost too when their answers came too late", () => {
    const found = parseExchanges("0 1000 10\n1 1500 5001\n");
    expect(steady(found, 1000, 2000, 5000)).toEqual({ lostPercent: 50, tookMs: [10] });
  });

  it("that were none say nothing", () => {
    expect(() => steady([], 0, 1, 1)).toThrow("no exchange was sent");
  });

  it("tell when each connection is back: with the first that was sent after the moment and answered", () => {
    const found = parseExchanges("0 900 500\n0 1000 lost\n0 1500 20\n0 1200 900\n1 1100 lost\n");
    expect(backAfter(found, 1000, 3)).toEqual([520, undefined, undefined]);
  });
});
