import { everything, icmp, ike, oneWay, together } from "../../../drills/faults";
import { changed, netemArguments, parseWater, type Water } from "../../../lab/network/water";
import { presets } from "../../../lab/ocean";

const calm: Water = { delayMs: 40, jitterMs: 0, lossPercent: 0, reorder: false };

describe("a change of the ocean", () => {
  it("gives each way half of the round trip, less what the lab itself takes", () => {
    expect(changed(calm, { rttMs: 160 }, 4)).toEqual({ ...calm, delayMs: 78 });
  });

  it("never asks for less than no delay", () => {
    expect(changed(calm, { rttMs: 1 }, 4).delayMs).toBe(0);
  });

  it("leaves what it does not name", () => {
    const rough: Water = { delayMs: 10, jitterMs: 2, lossPercent: 1, reorder: true };
    expect(changed(rough, {}, 4)).toEqual(rough);
    expect(changed(rough, { lossPercent: 0 }, 4)).toEqual({ ...rough, lossPercent: 0 });
  });

  it("divides a round trip's jitter so that both ways together have it", () => {
    const { jitterMs } = changed(calm, { jitterMs: 3 }, 4);
    expect(Math.hypot(jitterMs, jitterMs)).toBeCloseTo(3);
  });

  it("of a preset undoes everything that was set before", () => {
    const rough: Water = { delayMs: 10, jitterMs: 2, lossPercent: 1, reorder: true };
    expect(changed(rough, presets["real"]!, 4)).toEqual({ ...calm, delayMs: 78 });
  });
});

describe("netem's arguments", () => {
  it("keep packets in order unless asked not to", () => {
    expect(netemArguments({ ...calm, jitterMs: 2 })).toBe(
      "netem limit 10000 delay 40.000ms 2.000ms distribution normal rate 10gbit",
    );
    expect(netemArguments({ ...calm, jitterMs: 2, reorder: true })).toMatch(/ rate 0bit$/);
  });

  it("name loss only when there is some", () => {
    expect(netemArguments(calm)).not.toContain("loss");
    expect(netemArguments({ ...calm, lossPercent: 1.5 })).toContain(" loss 1.5%");
  });

  it("can be read back", () => {
    const said =
      '[{"kind":"netem","handle":"8001:","root":true,"options":{"limit":10000,"delay":{"delay":0.04,"jitter":0.003,"correlation":0},"loss-random":{"loss":0.01,"correlation":0},"rate":{"rate":1250000000}}}]';
    expect(parseWater(said)).toEqual({ delayMs: 40, jitterMs: 3, lossPercent: 1, reorder: false });
    expect(parseWater('[{"kind":"noqueue","options":{}}]')).toEqual({ ...calm, delayMs: 0 });
  });
});

describe("faults", () => {
  it("compose: together, and one way", () => {
    const fault = oneWay(together(ike, icmp), "sg-la");
    expect(fault.name).toBe("ike + icmp sg-la");
    expect(fault.matches).toHaveLength(ike.matches.length + icmp.matches.length);
    for (const match of fault.matches) expect(match).toMatch(/^iifname "ocean-sg" /);
  });

  it("have names that fit a rule's comment", () => {
    const fault = oneWay(together(everything, ike, icmp), "la-sg");
    expect(fault.name).toMatch(/^[a-z0-9 +-]{1,120}$/);
  });
});
