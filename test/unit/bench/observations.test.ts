import { answeredWithin, backAfter, parseAnswers } from "../../../bench/pings";
import { lostAfter, parseRouteMonitor } from "../../../bench/routes";

const prefix = "10.20.0.0/24";

/** 2026-11-24T05:16:44Z in seconds since 1970. */
const start = Date.UTC(2026, 10, 24, 5, 16, 44) / 1000;

describe("what `ip -ts monitor route` says", () => {
  it("of BGP's route that went, came back, and gave way to another without a word", () => {
    const text = `[2026-11-24T05:16:44.093514] Deleted 10.20.0.0/24 nhid 38 via 10.255.0.2 dev gre1 proto bgp metric 20 
[2026-11-24T05:16:44.500000] unreachable 10.20.0.0/24 proto static metric 20 
[2026-11-24T05:16:45.250999] Deleted unreachable 10.20.0.0/24 proto static metric 20 
[2026-11-24T05:16:45.251000] 10.20.0.0/24 nhid 40 via 10.255.0.2 dev gre1 proto bgp metric 20 
[2026-11-24T05:16:47.000001] unreachable 10.20.0.0/24 nhid 41 proto static metric 20 
`;
    expect(parseRouteMonitor(text, prefix)).toEqual([
      { at: start + 0.093, routed: false },
      { at: start + 0.5, routed: false },
      { at: start + 1.251, routed: true },
      { at: start + 3, routed: false },
    ]);
  });

  it("of other routes doesn't count", () => {
    const text = `[2026-11-24T05:16:44.093514] Deleted 10.20.0.0/25 via 10.255.0.2 dev gre1 proto bgp metric 20 
[2026-11-24T05:16:44.093514] Deleted 10.20.0.50 dev net0 lladdr 52:54:00:bb:00:01 REACHABLE
[2026-11-24T05:16:44.093514] default via 10.10.0.1 dev net0
`;
    expect(parseRouteMonitor(text, prefix)).toEqual([]);
  });

  it("that isn't whole yet is left for the next look", () => {
    expect(parseRouteMonitor("[2026-11-24T05:16:44.0935", prefix)).toEqual([]);
  });
});

test("a route is lost at the first loss after the cut, not at one before it", () => {
  const events = [
    { at: 1, routed: false },
    { at: 2, routed: true },
    { at: 5, routed: false },
    { at: 6, routed: false },
  ];
  expect(lostAfter(events, 3)).toBe(5);
  expect(lostAfter(events, 7)).toBeUndefined();
});

describe("what `ping -D` says", () => {
  it("are answers, and not the errors of routers or the summary", () => {
    const text = `PING 10.20.0.50 (10.20.0.50) 56(84) bytes of data.
[1795497657.671583] 64 bytes from 10.20.0.50: icmp_seq=1 ttl=61 time=100 ms
[1795497657.772716] From 10.10.0.2 icmp_seq=2 Destination Host Unreachable
[1795497657.871707] 64 bytes from 10.20.0.50: icmp_seq=3 ttl=61 time=89.6 ms
--- 10.20.0.50 ping statistics ---
3 packets transmitted, 2 received, 33% packet loss, time 217ms
`;
    expect(parseAnswers(text)).toEqual([
      { sequence: 1, at: 1795497657.671583 },
      { sequence: 3, at: 1795497657.871707 },
    ]);
  });
});

/** Answers to pings with these sequence numbers, each 0.1 s after 100 for every number. */
function answered(...sequences: number[]) {
  return sequences.map((sequence) => ({ sequence, at: 100 + sequence / 10 }));
}

const ten = (first: number): number[] => Array.from({ length: 10 }, (_, index) => first + index);

describe("traffic is back", () => {
  it("with the first of ten answers in a row", () => {
    expect(backAfter(answered(...ten(50)), 104)).toBeCloseTo(105);
  });

  it("not with a packet that slipped through before", () => {
    expect(backAfter(answered(45, ...ten(50)), 104)).toBeCloseTo(105);
  });

  it("not while the row is too short, nor by answers from before the end of the cut", () => {
    expect(backAfter(answered(...ten(50).slice(1)), 104)).toBeUndefined();
    expect(backAfter(answered(...ten(50)), 105.05)).toBeUndefined();
  });
});

test("answers within a time are counted", () => {
  expect(answeredWithin(answered(10, 20, 30), 101.5, 102.5)).toBe(1);
});
