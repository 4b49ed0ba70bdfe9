import { experiences, firstSuccessAfter } from "../../../drills/checker/outage";
import { backOnTunnelAfter, pathChanges, pathChangesPerMinute } from "../../../drills/checker/paths";
import { parsePaths } from "../../../drills/pathNotes";
import { type Attempt, parseHistory } from "../../../drills/history";

/** Requests of one client that begin every 50 ms and take 1 ms, as the function says how they end. */
function history(count: number, outcomeAt: (at: number) => Attempt["outcome"]): Attempt[] {
  return Array.from({ length: count }, (_, index) => {
    const at = 1000 + index * 50;
    return {
      ...{ client: "la-vip-reads", id: `r/${index}`, attempt: 1, kind: "read", outcome: outcomeAt(at) },
      ...{ at, ended: at + 1, took: 1 },
    };
  });
}

const fault = { from: 2000, to: 4951 };

describe("the outage of a client", () => {
  it("is none when it is answered at its pace", () => {
    const seen = experiences(
      history(80, () => "ok"),
      fault,
    );
    expect(seen["la-vip-reads"]).toEqual({ requests: 80, failed: 0, outageMs: 0 });
  });

  it("is the longest time between two answers, less the usual one", () => {
    const attempts = history(80, (at) => ((at >= 2000 && at < 2600) || at === 3000 ? "failed" : "ok"));
    expect(experiences(attempts, fault)["la-vip-reads"]?.outageMs).toBe(650 - 50);
  });

  it("lasts until the end of the observation when there is no answer any more", () => {
    const attempts = history(80, (at) => (at >= 2000 ? "unknown" : "ok"));
    expect(experiences(attempts, fault)["la-vip-reads"]?.outageMs).toBe(4951 - 1951 - 50);
  });

  it("doesn't count what was before the fault", () => {
    const attempts = history(80, (at) => (at > 1100 && at < 1900 ? "failed" : "ok"));
    expect(experiences(attempts, fault)["la-vip-reads"]?.outageMs).toBe(0);
  });
});

test("a request has failed when both of its attempts did, not when the second one is missing or succeeded", () => {
  const one = history(3, () => "failed");
  const retried = [
    ...one,
    { ...one[0]!, attempt: 2 as const },
    { ...one[1]!, attempt: 2 as const, outcome: "ok" as const },
  ];
  expect(experiences(retried, fault)["la-vip-reads"]).toMatchObject({ requests: 3, failed: 1 });
});

test("the first success after a moment is of a request that began after it", () => {
  const attempts = history(40, (at) => (at < 2200 ? "failed" : "ok"));
  const underWay: Attempt = { ...attempts[0]!, at: 1990, ended: 2050, outcome: "ok" };
  expect(firstSuccessAfter([underWay, ...attempts], 2000)).toBe(201);
  expect(firstSuccessAfter(attempts, 9000)).toBeUndefined();
});

describe("paths", () => {
  const samples = (site: string, paths: readonly ("tunnel" | "backup")[], everyMs = 1000) =>
    paths.map((path, index) => ({
      site,
      path,
      state: path === "tunnel" ? "standby" : "active",
      at: 10_000 + index * everyMs,
    }));

  it("change when a site takes another one than before", () => {
    const seen = samples("la", ["tunnel", "backup", "backup", "tunnel"]);
    expect(pathChanges([...seen, ...samples("sg", ["backup", "tunnel"])], "la")).toEqual([11_000, 13_000]);
  });

  it("are counted within any minute, for the site with the most", () => {
    const often = samples("la", ["tunnel", "backup", "tunnel", "backup", "tunnel"], 25_000);
    expect(pathChangesPerMinute([...often, ...samples("sg", ["tunnel", "backup"])])).toBe(3);
    expect(pathChangesPerMinute([])).toBe(0);
  });

  it("are back when the last site is on the tunnel for good", () => {
    const la = samples("la", ["backup", "tunnel", "backup", "tunnel"]);
    expect(backOnTunnelAfter([...la, ...samples("sg", ["backup", "tunnel"])], 10_000)).toBe(3_000);
    expect(backOnTunnelAfter([...la, ...samples("sg", ["backup"])], 10_000)).toBeUndefined();
    expect(backOnTunnelAfter([], 10_000)).toBeUndefined();
  });

  it("are read from the keeper's states, and not from half a look", () => {
    const text = `1000 {"at": 1, "state": "standby", "reason": ""}
1500 {"at": 1, "state": "held"}
2000
2500 {"at": 2, "state": "unknown"}
3000 {"at": 3, "sta`;
    expect(parsePaths(text, "la")).toEqual([
      { site: "la", at: 1000, path: "tunnel", state: "standby" },
      { site: "la", at: 1500, path: "backup", state: "held" },
    ]);
  });
});

describe("a history", () => {
  const line = JSON.stringify(history(1, () => "ok")[0]);

  it("is in the order of the beginnings, without a last line that has no end", () => {
    const earlier = line.replace('"at":1000', '"at":900');
    expect(parseHistory(`${line}\n${earlier}\n{"client":"la`).map(({ at }) => at)).toEqual([900, 1000]);
  });

  it("with a damaged line is refused, because the line may be what counts", () => {
    expect(() => parseHistory(`${line}\n{"client":1}\n`)).toThrow("line 2 of the clients' history");
  });
});
