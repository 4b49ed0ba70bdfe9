import { COUNTERS, type LinkFacts } from "../../../providers/probes/facts";
import type { Burst, HostState, Measurement } from "../../../providers/probes/observation";

const connection = (host: string): LinkFacts["initiator"]["connection"] => ({
  host,
  port: 22,
  user: "root",
  privateKey: "PRIVATE-KEY",
  hostKey: "ssh-ed25519 AAAA",
});

export const facts: LinkFacts = {
  name: "la-sg",
  initiator: {
    host: "la-gw1",
    site: "la",
    connection: connection("192.0.2.1"),
    linkAddress: "10.255.0.1",
    publicAddress: "198.51.100.10",
    cidr: "10.10.0.0/24",
  },
  responder: {
    host: "sg-gw1",
    site: "sg",
    connection: connection("192.0.2.2"),
    linkAddress: "10.255.0.2",
    publicAddress: "203.0.113.10",
    cidr: "10.20.0.0/24",
  },
  interface: "gre1",
  mtu: 1380,
  bfd: true,
  budgetMs: 100,
  lossLimitPercent: 1,
  credentialsMarker: "/etc/crossborder/link-key-generation",
};

/** A healthy gateway that has sent and taken in `packets` packets over the link so far. */
export function hostState(packets: number, changes: Partial<HostState> = {}): HostState {
  return {
    device: { mtu: 1380, up: true },
    bfd: { status: "up", seconds: 42, diagnostic: "ok", remoteDiagnostic: "ok" },
    bgp: { state: "Established", accepted: 1, lastReset: "" },
    route: "gre1",
    ike: { state: "ESTABLISHED", id: "1", ageSeconds: 60, cipher: "AES_GCM_16-256-CURVE_25519" },
    ikeCause: null,
    child: {
      state: "INSTALLED",
      id: "1",
      mode: "TRANSPORT",
      udp: true,
      cipher: "AES_GCM_16-256",
      ageSeconds: 60,
      packetsIn: packets,
      packetsOut: packets,
    },
    counters: {
      [COUNTERS.espUdpOut]: packets,
      [COUNTERS.ikeOut]: 4,
      [COUNTERS.greClearOut]: 7,
      [COUNTERS.privateClearOut]: 9,
    },
    credentialsAgeSeconds: 65,
    problems: [],
    ...changes,
  };
}

/** Round trips that alternate around a median, so that jitter is 2 ms. */
export function roundTrips(medianMs: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => medianMs + (i % 2 === 0 ? 0 : 2));
}

export function burst(changes: Partial<Burst> = {}): Burst {
  return {
    tunnel: { sent: 200, rttsMs: roundTrips(84, 200), error: null },
    underlay: { sent: 200, rttsMs: roundTrips(83, 200), error: null },
    atMtuPasses: true,
    aboveMtuPasses: false,
    ...changes,
  };
}

/** A measurement of a healthy link, with changes to what each gateway sees after the burst, or throughout. */
export function measurement(
  changes: { la?: Partial<HostState>; sg?: Partial<HostState>; burst?: Partial<Burst> } = {},
): Measurement {
  return {
    initiator: { host: "la-gw1", before: hostState(1000), after: hostState(1250, changes.la) },
    responder: { host: "sg-gw1", before: hostState(2000), after: hostState(2250, changes.sg) },
    burst: burst(changes.burst),
  };
}
