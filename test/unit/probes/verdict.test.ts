import { COUNTERS } from "../../../providers/probes/facts";
import { LAYERS } from "../../../providers/probes/layers";
import type { Measurement } from "../../../providers/probes/observation";
import { explain, judge } from "../../../providers/probes/verdict";
import { SshError, type SshFailure } from "../../../providers/ssh/session";
import { facts, hostState, measurement, roundTrips } from "./fixtures";

const silent = { sent: 20, rttsMs: [], error: null };
const noSessions = {
  bfd: { status: "down", seconds: 9, diagnostic: "control detection time expired", remoteDiagnostic: "ok" },
  bgp: { state: "Active", accepted: 0, lastReset: "BFD down received" },
  route: "unreachable",
};

/** The layer at fault, and the whole text. */
function fault(measured: Measurement, about = facts): { layer?: string; text: string; state: string } {
  const report = judge(about, measured);
  return { layer: report.diagnosis[0]?.layer, text: explain(report.diagnosis), state: report.state };
}

test("a healthy link is up, with its figures and no diagnosis", () => {
  expect(judge(facts, measurement())).toEqual({
    state: "up",
    rttMs: { p50: 84, p95: 86, p99: 86, jitter: 2 },
    lossPercent: 0,
    underlayRttMs: { p50: 83, p95: 85, p99: 85, jitter: 2 },
    underlayLossPercent: 0,
    bfd: "up",
    bgp: "established",
    encrypted: true,
    mtu: 1380,
    diagnosis: [],
  });
});

test.each<[SshFailure, string]>([
  ["unreachable", "Check that the machine runs"],
  ["host-key-mismatch", "before you pin its new key"],
  ["authentication", "authorized key"],
])("a host that is not reachable (%s) comes first and says what to do", (failure, advice) => {
  const unreachable = new SshError(failure, "192.0.2.2:22 did not answer");
  const measured = { ...measurement(), responder: { host: "sg-gw1", unreachable } };
  const { layer, text, state } = fault(measured);
  expect(layer).toBe("host");
  expect(state).toBe("down");
  expect(text).toContain("host unreachable. sg-gw1: 192.0.2.2:22 did not answer");
  expect(text).toContain(advice);
  expect(judge(facts, measured)).toMatchObject({ encrypted: false, bfd: "unknown", bgp: "unknown" });
});

describe("IKE", () => {
  const down = { ...noSessions, ike: null, child: null } as const;

  test("blocked: no SA, no answer, but the path is there", () => {
    const { layer, text, state } = fault(
      measurement({ la: { ...down, ikeCause: "no-answer" }, sg: down, burst: { tunnel: silent } }),
    );
    expect(layer).toBe("IKE");
    expect(state).toBe("down");
    expect(text).toMatch(
      /la-gw1: no IKE SA with sg-gw1; its messages get no answer; 203\.0\.113\.10 answers pings in 83 ms/,
    );
    expect(text).toContain("UDP 500 and 4500");
  });

  test("cut path: the peer's public address does not answer either", () => {
    const { layer, text } = fault(
      measurement({
        la: { ...down, ikeCause: "no-answer" },
        sg: down,
        burst: { tunnel: silent, underlay: silent },
      }),
    );
    expect(layer).toBe("IKE");
    expect(text).toContain("203.0.113.10 does not answer la-gw1's pings either");
  });

  test("wrong key: the log says so", () => {
    const { layer, text } = fault(
      measurement({ la: { ...down, ikeCause: "authentication" }, burst: { tunnel: silent } }),
    );
    expect(layer).toBe("IKE");
    expect(text).toContain("authentication failed");
    expect(text).toContain("different keys");
  });

  test("different algorithms: the log says so", () => {
    const { layer, text } = fault(
      measurement({ sg: { ...down, ikeCause: "proposal" }, burst: { tunnel: silent } }),
    );
    expect(layer).toBe("IKE");
    expect(text).toContain(
      "sg-gw1: no IKE SA with la-gw1; its log says that the two ends offer different algorithms",
    );
  });

  test("an SA that is being set up is not one", () => {
    const ike = { state: "CONNECTING", id: "2", ageSeconds: 0, cipher: "" };
    expect(fault(measurement({ la: { ...down, ike } })).text).toContain(
      "its IKE SA with sg-gw1 is CONNECTING",
    );
  });

  test("a daemon that does not answer is named, once, and not as a missing SA", () => {
    const problems = [
      "swanctl: connecting to 'unix:///var/run/charon.vici' failed: No such file or directory",
    ];
    const report = judge(facts, measurement({ la: { ...down, problems } }));
    expect(report.diagnosis[0]).toMatchObject({
      layer: "IKE",
      try: expect.stringContaining("systemctl status strongswan"),
    });
    expect(report.diagnosis.filter(({ layer }) => layer === "IKE" || layer === "ESP")).toHaveLength(1);
  });

  test("an SA older than its key still stands on the former key, though everything works", () => {
    const ike = { state: "ESTABLISHED", id: "1", ageSeconds: 3600, cipher: "" };
    const { layer, text, state } = fault(measurement({ sg: { ike, credentialsAgeSeconds: 40 } }));
    expect(layer).toBe("IKE");
    expect(state).toBe("down");
    expect(text).toContain("sg-gw1: the IKE SA with la-gw1 is 3600 s old, but its key changed 40 s ago");
  });

  test("an SA as old as its key, to the second, is taken as newer; a missing mark is not", () => {
    const ike = { state: "ESTABLISHED", id: "1", ageSeconds: 42, cipher: "" };
    expect(judge(facts, measurement({ la: { ike, credentialsAgeSeconds: 40 } })).state).toBe("up");
    expect(fault(measurement({ la: { credentialsAgeSeconds: null } }))).toMatchObject({
      layer: "IKE",
      state: "down",
    });
  });
});

describe("ESP", () => {
  const healthyChild = hostState(1250).child!;
  const counters = (changes: Record<string, number>): Record<string, number> => ({
    ...hostState(1250).counters,
    ...changes,
  });

  test("no CHILD SA", () => {
    expect(
      fault(measurement({ la: { child: null, ...noSessions }, burst: { tunnel: silent } })),
    ).toMatchObject({
      layer: "ESP",
      state: "down",
      text: expect.stringContaining("la-gw1: no CHILD SA towards sg-gw1"),
    });
  });

  test("a CHILD SA without UDP encapsulation", () => {
    const { layer, text } = fault(measurement({ la: { child: { ...healthyChild, udp: false } } }));
    expect(layer).toBe("ESP");
    expect(text).toContain("without UDP encapsulation");
  });

  test("probes that do not leave as ESP are unencrypted, though they are answered", () => {
    const measured = measurement({ la: { counters: counters({ [COUNTERS.espUdpOut]: 1100 }) } });
    expect(fault(measured)).toMatchObject({
      layer: "ESP",
      state: "down",
      text: expect.stringContaining(
        "200 probes were sent over the link, but only 100 packets of ESP in UDP left",
      ),
    });
    expect(judge(facts, measured).encrypted).toBe(false);
  });

  test("answers that do not leave as ESP are unencrypted too", () => {
    const measured = measurement({
      sg: { counters: { ...hostState(2250).counters, [COUNTERS.espUdpOut]: 2000 } },
    });
    expect(fault(measured)).toMatchObject({
      layer: "ESP",
      text: expect.stringContaining("sg-gw1: 200 probes"),
    });
  });

  test.each([
    [COUNTERS.greClearOut, 8, "1 GRE packets left without encryption"],
    [COUNTERS.privateClearOut, 12, "3 packets for 10.20.0.0/24 left beside gre1, in the clear"],
  ])("%s must not move", (counter, value, text) => {
    expect(fault(measurement({ la: { counters: counters({ [counter]: value }) } }))).toMatchObject({
      layer: "ESP",
      state: "down",
      text: expect.stringContaining(text),
    });
  });

  test("without the guard's counters nothing is proven", () => {
    const problems = ["nft: Error: No such file or directory"];
    const measured = measurement({ sg: { counters: null, problems } });
    expect(fault(measured)).toMatchObject({
      layer: "ESP",
      text: expect.stringContaining("cannot be proven (nft: Error"),
    });
    expect(judge(facts, measured).encrypted).toBe(false);
    expect(fault(measurement({ la: { counters: {} } })).text).toContain("no counter underlay_esp_udp_out");
  });

  test("ESP that leaves and is not taken in is lost on the way, in the direction that is named", () => {
    const deaf = { ...hostState(2250).child!, packetsIn: 2000 };
    const { layer, text } = fault(
      measurement({ sg: { ...noSessions, child: deaf }, burst: { tunnel: silent } }),
    );
    expect(layer).toBe("ESP");
    expect(text).toContain("250 packets of ESP in UDP left la-gw1, and none was taken in by sg-gw1");
    expect(text).not.toContain("left sg-gw1");
  });
});

describe("GRE", () => {
  test("a missing device is the cause, not the ESP that it does not send", () => {
    const counters = hostState(1000).counters;
    const report = fault(
      measurement({ la: { device: null, counters, ...noSessions }, burst: { tunnel: silent } }),
    );
    expect(report).toMatchObject({
      layer: "GRE",
      state: "down",
      text: expect.stringContaining("la-gw1: the device gre1 does not exist"),
    });
  });

  test("a device that is down", () => {
    expect(fault(measurement({ sg: { device: { mtu: 1380, up: false }, ...noSessions } })).text).toContain(
      "sg-gw1: the device gre1 is down",
    );
  });

  test("encrypted packets arrive both ways, but no probe is answered", () => {
    const { layer, text } = fault(
      measurement({ burst: { tunnel: { ...silent, error: "No route to host" } } }),
    );
    expect(layer).toBe("GRE");
    expect(text).toContain("none of 20 probes to 10.255.0.2 over gre1 was answered (No route to host)");
  });
});

test("BFD down alone names BFD, with what both ends say", () => {
  const { layer, text, state } = fault(measurement({ sg: { bfd: noSessions.bfd } }));
  expect(layer).toBe("BFD");
  expect(state).toBe("down");
  expect(text).toContain(
    "sg-gw1: the BFD session with 10.255.0.1 is down for 9 s (control detection time expired; the peer says ok)",
  );
  expect(fault(measurement({ la: { bfd: null } })).text).toContain("FRR has no BFD session with 10.255.0.2");
});

test("a link without BFD is not asked for it", () => {
  const report = judge({ ...facts, bfd: false }, measurement({ la: { bfd: null }, sg: { bfd: null } }));
  expect(report).toMatchObject({ state: "up", bfd: "off" });
});

describe("BGP", () => {
  test.each([
    [
      { bgp: noSessions.bgp },
      "BGP with 10.255.0.2 is Active, not Established; last reset: BFD down received",
    ],
    [{ bgp: null }, "FRR has no BGP neighbour 10.255.0.2"],
    [{ bgp: { state: "Established", accepted: 0, lastReset: "" } }, "no prefix of it is accepted"],
    [{ route: "unreachable" }, "traffic to 10.20.0.0/24 goes by unreachable, not by gre1"],
    [{ route: null }, "goes by no route"],
  ])("%j", (la, text) => {
    expect(fault(measurement({ la }))).toMatchObject({
      layer: "BGP",
      state: "down",
      text: expect.stringContaining(text),
    });
  });

  test("FRR that does not answer is BGP's fault, not BFD's", () => {
    const la = { bfd: null, bgp: null, problems: ["vtysh: failed to connect to any daemons."] };
    expect(fault(measurement({ la }))).toMatchObject({
      layer: "BGP",
      text: expect.stringContaining("systemctl status frr"),
    });
  });
});

describe("MTU", () => {
  test("full packets that do not come back", () => {
    const measured = measurement({ burst: { atMtuPasses: false } });
    expect(fault(measured)).toMatchObject({
      layer: "MTU",
      state: "degraded",
      text: expect.stringContaining("packets of 1380 bytes"),
    });
    expect(judge(facts, measured).mtu).toBeNull();
  });

  test("packets above the MTU that pass, and a device with another MTU", () => {
    expect(fault(measurement({ burst: { aboveMtuPasses: true } })).text).toContain(
      "packets of 1381 bytes pass",
    );
    expect(fault(measurement({ sg: { device: { mtu: 1400, up: true } } })).text).toContain(
      "sg-gw1: gre1 has an MTU of 1400, 1380 was deployed",
    );
  });
});

describe("RTT", () => {
  const slow = { sent: 200, rttsMs: roundTrips(300, 200), error: null };

  test("a slow ocean", () => {
    const { layer, text, state } = fault(measurement({ burst: { tunnel: slow, underlay: slow } }));
    expect(layer).toBe("RTT");
    expect(state).toBe("degraded");
    expect(text).toContain(
      "the median round trip is 300 ms, the budget 100 ms; beside the link, by the public address: 300 ms",
    );
    expect(text).toContain("The path itself is too slow");
  });

  test("a slow link over a fast ocean", () => {
    expect(fault(measurement({ burst: { tunnel: slow } })).text).toContain("gateways' CPU load");
  });

  test("a median at the budget is within it", () => {
    const at = { sent: 200, rttsMs: Array.from({ length: 200 }, () => 100), error: null };
    expect(judge(facts, measurement({ burst: { tunnel: at } })).state).toBe("up");
  });
});

test("loss above the limit, with what the path loses beside the link", () => {
  const lossy = { sent: 200, rttsMs: roundTrips(84, 190), error: null };
  const { layer, text, state } = fault(measurement({ burst: { tunnel: lossy, underlay: lossy } }));
  expect(layer).toBe("loss");
  expect(state).toBe("degraded");
  expect(text).toContain("5 % of the probes were lost, the limit is 1 %; beside the link 5 %");
  expect(text).toContain("The path itself loses packets");
  const atLimit = { sent: 200, rttsMs: roundTrips(84, 198), error: null };
  expect(judge(facts, measurement({ burst: { tunnel: atLimit } })).state).toBe("up");
});

test("when everything is down, failures are listed from the lowest layer up, and no text holds a key", () => {
  const down = { ...noSessions, ike: null, child: null, device: null };
  const report = judge(
    facts,
    measurement({ la: down, sg: down, burst: { tunnel: silent, underlay: silent } }),
  );
  const order = report.diagnosis.map(({ layer }) => LAYERS.indexOf(layer));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(new Set(order).size).toBeGreaterThan(3);
  expect(JSON.stringify(report)).not.toContain("PRIVATE-KEY");
});
