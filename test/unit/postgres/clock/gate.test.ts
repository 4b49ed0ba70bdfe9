import { DatabaseHost } from "../databaseHost";

jest.setTimeout(60_000);

let host: DatabaseHost;

beforeEach(() => {
  host = new DatabaseHost({
    limits: { budgetMs: 10, confirmations: 2 },
    tickMs: 10,
    chronyEveryTicks: 1,
    reportEveryTicks: 1,
    repeatEveryTicks: 1,
  });
});

afterEach(() => host.remove());

/** What every clock says at a moment; offsets are what chrony measured last, ms. */
interface Sample {
  readonly monotonic: number;
  readonly wall?: number;
  readonly boot?: number;
  readonly hardware?: number | null;
  /** Time of chrony's last measurement, its offset and skew; null when it knows nothing, absent when it was not asked. */
  readonly chrony?: { reference: string; offset: number; skew: number } | null;
}

const EPOCH = 1_700_000_000;
const DECIDE = `
import clock_gate, json, sys
limits, state, samples = json.loads(sys.argv[1])
clocks, told = clock_gate.new_clocks(), []
for sample in samples:
    state, reason = clock_gate.decide(limits, clocks, state, sample)
    told.append([state, reason])
print(json.dumps(told))
`;

const good = (reference: number, offsetMs = 0.1): Sample["chrony"] => ({
  reference: `${EPOCH + reference}.000000001`,
  offset: offsetMs / 1000,
  skew: 0.2,
});

async function decide(samples: readonly Sample[], state = "unknown"): Promise<[string, string][]> {
  const complete = samples.map((sample) => ({
    wall: EPOCH + sample.monotonic,
    boot: sample.monotonic,
    hardware: Math.floor(EPOCH + sample.monotonic),
    ...sample,
  }));
  return host.evaluate(DECIDE, [{ budgetMs: 10, confirmations: 2 }, state, complete]);
}

const states = (told: readonly [string, string][]): string[] => told.map(([state]) => state);

describe("deciding", () => {
  test("a clock that chrony holds inside the budget: open from the first look", async () => {
    expect(await decide([{ monotonic: 10, chrony: good(5) }])).toEqual([
      ["open", "the clock is inside its budget"],
    ]);
  });

  test("without a synchronised source a site does not begin to write", async () => {
    expect(await decide([{ monotonic: 10, chrony: null }])).toEqual([
      ["closed", "chrony has no synchronised source"],
    ]);
  });

  test("an offset above the budget closes; inside half of it, measured twice, opens", async () => {
    const told = await decide([
      { monotonic: 10, chrony: good(9) },
      { monotonic: 12, chrony: good(11, 11) },
      { monotonic: 14, chrony: good(13, 8) },
      { monotonic: 16, chrony: good(15, 4) },
      { monotonic: 17, chrony: good(15, 4) },
      { monotonic: 18, chrony: good(17, 4) },
    ]);
    expect(states(told)).toEqual(["open", "closed", "closed", "closed", "closed", "open"]);
    expect(told[1]![1]).toBe("the clock may be off by 11.0 ms, the budget is 10 ms");
    expect(told[3]![1]).toBe("the clock is back inside its budget; 1 of 2 measurements confirm it");
  });

  test.each([30, -30, 0.05])("a step of %s s closes at once, before chrony knows", async (by) => {
    const told = await decide([
      { monotonic: 10, chrony: good(9) },
      { monotonic: 10.5, wall: EPOCH + 10.5 + by },
      { monotonic: 11, wall: EPOCH + 11 + by, chrony: good(9) },
    ]);
    expect(states(told)).toEqual(["open", "closed", "closed"]);
    expect(told[1]![1]).toBe(`the clock was stepped by ${by > 0 ? "+" : ""}${by * 1000} ms`);
  });

  test("a step of less than the budget is chrony's business", async () => {
    const told = await decide([
      { monotonic: 10, chrony: good(9) },
      { monotonic: 10.5, wall: EPOCH + 10.508 },
    ]);
    expect(states(told)).toEqual(["open", "open"]);
  });

  test("a suspended machine", async () => {
    const told = await decide([
      { monotonic: 10, chrony: good(9) },
      { monotonic: 10.5, boot: 70.5, wall: EPOCH + 70.5 },
    ]);
    expect(told[1]).toEqual(["closed", "the machine was suspended for 60.0 s"]);
  });

  test("a virtual machine that was paused: only the hardware clock went on", async () => {
    const told = await decide([
      { monotonic: 10, chrony: good(9), hardware: EPOCH + 10 },
      { monotonic: 10.5, hardware: EPOCH + 40 },
    ]);
    expect(told[1]).toEqual(["closed", "the machine stood still for about 30 s"]);
  });

  test("the hardware clock's whole seconds, its absence, and a starved process are no pause", async () => {
    const told = await decide([
      { monotonic: 10, chrony: good(9), hardware: EPOCH + 10 },
      { monotonic: 10.5, hardware: EPOCH + 12 },
      { monotonic: 11, hardware: null },
      { monotonic: 31, hardware: EPOCH + 31 },
    ]);
    expect(states(told)).toEqual(["open", "open", "open", "open"]);
  });

  test("after a step only measurements made since count, and the first may be older", async () => {
    const stepped = (monotonic: number, chrony?: Sample["chrony"]): Sample => ({
      monotonic,
      wall: EPOCH + monotonic + 30,
      chrony,
    });
    const told = await decide([
      { monotonic: 10, chrony: good(9) },
      stepped(10.5),
      stepped(12, good(10.4)),
      stepped(14, good(43.5)),
      stepped(16, good(43.5)),
      stepped(18, good(47.5)),
    ]);
    expect(states(told)).toEqual(["open", "closed", "closed", "closed", "closed", "open"]);
  });

  test("chrony that died: its last word ages by its skew until the clock may be out of the budget", async () => {
    const word = { reference: `${EPOCH + 9}.0`, offset: 0.001, skew: 5 };
    const told = await decide([
      { monotonic: 10, chrony: word },
      { monotonic: 1_700, chrony: null },
      { monotonic: 1_900, chrony: null },
    ]);
    expect(states(told)).toEqual(["open", "open", "closed"]);
    expect(told[2]![1]).toMatch(/^the clock may be off by 10\.\d ms/);
  });

  test("a word that was old when the gate started is as old as it says", async () => {
    const word = { reference: `${EPOCH - 5_000}.0`, offset: 0.001, skew: 5 };
    expect(states(await decide([{ monotonic: 10, chrony: word }]))).toEqual(["closed"]);
  });

  test("a gate that was closed before a restart needs its measurements too", async () => {
    const told = await decide(
      [
        { monotonic: 10, chrony: good(9) },
        { monotonic: 12, chrony: good(11) },
      ],
      "closed",
    );
    expect(states(told)).toEqual(["closed", "open"]);
  });
});

// As chronyc 4.3 prints them.
const tracking = {
  synchronised:
    "7F000001,127.0.0.1,9,1795661520.218545788,-0.000001307,0.000000041,0.000000603,-0.015,0.001,0.176,0.000006197,0.000002016,1.0,Normal",
  never:
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised",
  own: "7F7F0101,,10,1795661520.218545788,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,0.000000000,0.000000000,0.0,Normal",
};

test("chrony's words: a source, none, and its own clock, which is none", async () => {
  const script =
    "import clock_gate, json, sys; print(json.dumps([clock_gate.parse_tracking(text) for text in json.loads(sys.argv[1])]))";
  await expect(host.evaluate(script, Object.values(tracking))).resolves.toEqual([
    { reference: "1795661520.218545788", offset: 0.000001307, skew: 0.176 },
    null,
    null,
  ]);
});

describe("acting", () => {
  const chronyc = (line: string): string => `#!/bin/sh\necho '${line}'\n`;
  const now = (): string =>
    tracking.synchronised.replace("1795661520", String(Math.floor(Date.now() / 1000)));
  const told = (): string[] => host.statements().map(({ sql }) => sql);

  test("the database is told that it may write under the gate's own reason; again, only where it forgot", async () => {
    host.tool("chronyc", chronyc(now()));
    expect((await host.run("clock_gate.py")).status).toBe(0);
    await host.run("clock_gate.py");
    expect(told()).toEqual([
      "select crossborder.set_writable(true, 'clock')",
      "select crossborder.set_writable(true, 'clock') where  exists (select from crossborder.closed where reason = 'clock')",
    ]);
    expect(host.state()).toMatchObject({ state: "open", applied: true, pending: [] });
    expect(host.metrics()).toContain('crossborder_postgres_clock_gate_open{site="la",host="la-gw1"} 1\n');
    expect(host.metrics()).toContain("crossborder_postgres_clock_error_bound_seconds");
  });

  test("that it may not, too: a database may come back from a backup", async () => {
    host.tool("chronyc", chronyc(tracking.never));
    expect((await host.run("clock_gate.py")).status).toBe(1);
    await host.run("clock_gate.py");
    expect(told()).toEqual([
      "select crossborder.set_writable(false, 'clock')",
      "select crossborder.set_writable(false, 'clock') where not exists (select from crossborder.closed where reason = 'clock')",
    ]);
    expect(host.metrics()).toContain('crossborder_postgres_clock_gate_open{site="la",host="la-gw1"} 0\n');
    expect(host.metrics()).not.toContain("crossborder_postgres_clock_offset_seconds");
  });

  test("a database that is down is told when it is there", async () => {
    host.tool("chronyc", chronyc(tracking.never));
    host.serverDown = true;
    expect((await host.run("clock_gate.py")).journal).toContain(
      "the database was not told that the gate is closed",
    );
    expect(host.state()).toMatchObject({ state: "closed", applied: null });
    expect(host.metrics()).toContain('crossborder_postgres_clock_gate_applied{site="la",host="la-gw1"} 0\n');
    host.serverDown = false;
    expect((await host.run("clock_gate.py")).journal).toContain(
      "writes are refused: chrony has no synchronised source",
    );
    expect(host.state()).toMatchObject({ applied: false });
  });

  test("a closed gate is an event for the webhook, kept until it is taken; a start on a good clock is none", async () => {
    host.configure({ webhook: "https://localhost:1/hooks/t0ken" });
    host.tool("chronyc", chronyc(tracking.never));
    const { journal } = await host.run("clock_gate.py");
    expect(journal).toContain("the webhook was not reached");
    expect(journal).not.toContain("t0ken");
    expect(host.state()["pending"]).toEqual([
      expect.objectContaining({
        site: "la",
        host: "la-gw1",
        subject: "postgres clock gate",
        from: "unknown",
        to: "closed",
        reason: "chrony has no synchronised source",
        figures: { boundMs: null, budgetMs: 10 },
      }),
    ]);
  });

  test("chrony that is not installed is a clock that nobody vouches for", async () => {
    host.tool("chronyc", "#!/bin/sh\nexit 1\n");
    expect((await host.run("clock_gate.py")).status).toBe(1);
  });
});
