import { espInUdp, everything, icmp, ike, ipsec, oneWay } from "../../drills/faults";
import { clockOffsets, clockToleranceMs } from "../../lab/clocks";
import { calibrationToleranceMs, defaultRttMs, measureUnderlay, median, presets } from "../../lab/ocean";
import { run } from "../../lab/sessions";
import { eventually, lab, type Lab, labTimeoutMs } from "./support/lab";

let l: Lab;
beforeAll(async () => void (l = await lab()), labTimeoutMs);
afterAll(async () => {
  await l.ocean.heal();
  await l.ocean.set(presets["default"]!);
  l.close();
});

beforeEach(async () => {
  await l.ocean.heal();
  await l.ocean.set(presets["default"]!);
}, 60_000);

/** Waits for a median round trip near a figure; a single measurement may fall into a busy moment of the host. */
const reaches = (wantedMs: number, withinMs: number): Promise<void> =>
  eventually(
    `a median round trip of ${wantedMs} ± ${withinMs} ms`,
    async () => Math.abs((await l.ocean.rtt()) - wantedMs) <= withinMs,
    60_000,
  );

const pings = async (command: string): Promise<boolean> => (await l.la.exec(command)).status === 0;
const pingSg = "ping -n -c 3 -i 0.2 -W 1 203.0.113.10";

describe("the ocean", () => {
  it("has a round trip of 84 ± 1 ms once calibrated", async () => {
    await l.ocean.calibrate();
    await reaches(defaultRttMs, calibrationToleranceMs);
  }, 180_000);

  it("changes while it runs, and back", async () => {
    await l.ocean.set({ rttMs: 160 });
    await reaches(160, 3);
    await l.ocean.set({ rttMs: 84 });
    await reaches(84, 3);
  }, 180_000);

  it("delays one way alone when asked", async () => {
    await l.ocean.set({ rttMs: 160, direction: "la-sg" });
    const { "la-sg": toSg, "sg-la": toLa } = await l.ocean.read();
    expect(toSg.delayMs - toLa.delayMs).toBeCloseTo(38, 0);
    await l.ocean.set(presets["default"]!);
  }, 60_000);

  it("keeps packets in order under jitter, unless asked not to", async () => {
    const order = async (): Promise<number[]> => {
      const said = await l.la.exec("ping -n -c 300 -i 0.002 203.0.113.10");
      return [...said.stdout.matchAll(/icmp_seq=(\d+) /g)].map((found) => Number(found[1]));
    };
    const sorted = (numbers: number[]): number[] => [...numbers].sort((a, b) => a - b);
    await l.ocean.set({ jitterMs: 15, reorder: true });
    const mixed = await order();
    expect(mixed).not.toEqual(sorted(mixed));
    await l.ocean.set({ jitterMs: 15, reorder: false });
    const kept = await order();
    expect(kept.length).toBeGreaterThan(250);
    expect(kept).toEqual(sorted(kept));
    await l.ocean.set(presets["default"]!);
  }, 60_000);

  it("loses packets in the share that was asked for, each way", async () => {
    await l.ocean.set({ lossPercent: 20 });
    const answered = (await measureUnderlay(l.la, 400, 5)).length / 400;
    // 0.8 × 0.8 = 0.64 of 400, with five standard deviations of room.
    expect(answered).toBeGreaterThan(0.52);
    expect(answered).toBeLessThan(0.76);
    await l.ocean.set(presets["default"]!);
  }, 60_000);

  it("counts what crosses it by class", async () => {
    const before = await l.ocean.counters();
    expect(await pings(pingSg)).toBe(true);
    const after = await l.ocean.counters();
    expect(after.icmp.packets - before.icmp.packets).toBeGreaterThanOrEqual(6);
  }, 60_000);
});

describe("faults", () => {
  it("cut everything, and end", async () => {
    await l.ocean.cut(everything);
    expect(await l.ocean.faults()).toEqual(["everything"]);
    expect(await pings(pingSg)).toBe(false);
    await l.ocean.heal();
    expect(await l.ocean.faults()).toEqual([]);
    expect(await pings(pingSg)).toBe(true);
  }, 60_000);

  it("cut one way alone: what is sent arrives, and no answer comes back", async () => {
    await l.ocean.cut(oneWay(icmp, "sg-la"));
    const before = await l.ocean.counters();
    expect(await pings(pingSg)).toBe(false);
    const after = await l.ocean.counters();
    expect(after.icmp.packets - before.icmp.packets).toBeGreaterThanOrEqual(3);
    await l.ocean.heal();
  }, 60_000);

  it("last as long as they are told to", async () => {
    const { cutAt, healedAt } = await l.ocean.cutFor(icmp, 1);
    expect(healedAt - cutAt).toBeGreaterThan(0.95);
    expect(healedAt - cutAt).toBeLessThan(2.5);
    expect(await l.ocean.faults()).toEqual([]);
  }, 60_000);

  it("tell keys from data inside UDP 4500, and leave the rest", async () => {
    // From a client, whose datagrams the gateways neither sent nor accept; what counts is what crosses.
    const send = (payload: string): Promise<string> =>
      run(l.wan, `ip netns exec client-la bash -c 'printf "${payload}" >/dev/udp/203.0.113.77/4500'`);
    const crossed = async (payload: string): Promise<number> => {
      const before = (await l.ocean.counters()).natt4500.packets;
      await send(payload);
      return (await l.ocean.counters()).natt4500.packets - before;
    };
    const withMarker = "\\0\\0\\0\\0negotiation";
    const withSpi = "\\1\\2\\3\\4data";
    await l.ocean.cut(ike);
    // A gateway with a link adds packets of its own, so only "none" and "some" can be told apart.
    expect(await crossed(withSpi)).toBeGreaterThan(0);
    await l.ocean.heal();
    await l.ocean.cut(espInUdp);
    expect(await crossed(withMarker)).toBeGreaterThan(0);
    await l.ocean.heal();
    await l.ocean.cut(ipsec);
    expect(await crossed(withSpi)).toBe(0);
    expect(await crossed(withMarker)).toBe(0);
    expect(await pings(pingSg)).toBe(true);
    await l.ocean.heal();
  }, 60_000);
});

describe("the clocks of the gateways", () => {
  it("agree with wan's", async () => {
    for (const offset of Object.values(await clockOffsets())) {
      expect(Math.abs(offset)).toBeLessThan(clockToleranceMs);
    }
  }, 60_000);
});

it("a median needs something to have been measured", () => {
  expect(() => median([])).toThrow("do not answer");
});
