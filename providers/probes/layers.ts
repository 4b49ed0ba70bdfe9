import type { SshFailure } from "../ssh/session";
import { COUNTERS, type LinkEnd, type LinkFacts } from "./facts";
import type { Burst, HostState, HostView, Measurement } from "./observation";
import type { RttSummary } from "./statistics";

/** The layers of a link, lowest first: a fault in one breaks those after it, so the first failure is the cause. */
export const LAYERS = ["host", "IKE", "ESP", "GRE", "BFD", "BGP", "MTU", "RTT", "loss"] as const;
export type Layer = (typeof LAYERS)[number];

/** What is wrong at one layer, in words for whoever is on call. */
export interface Failure<L extends string = Layer> {
  readonly layer: L;
  /** Which host, and what was seen there. */
  readonly seen: string;
  /** What to do next. */
  readonly try: string;
}

/** A gateway that answered, with what it knows of itself and of its peer. */
interface Seen {
  readonly end: LinkEnd;
  readonly peer: LinkEnd;
  readonly before: HostState;
  readonly after: HostState;
}

/** A measurement with the figures that were taken from its burst. */
export interface Evidence {
  readonly facts: LinkFacts;
  readonly measurement: Measurement;
  readonly rttMs: RttSummary | undefined;
  readonly lossPercent: number;
  readonly underlayRttMs: RttSummary | undefined;
  readonly underlayLossPercent: number;
}

/**
 * Ages are whole seconds taken by tools that run one after the other: an IKE SA that is older than its key by less
 * than this many seconds may be younger.
 */
const AGE_SLACK_SECONDS = 3;

/** What to do about a host that can't be talked to. */
export const HOST_ADVICE: Readonly<Record<SshFailure, string>> = {
  unreachable: "Check that the machine runs and that its firewall admits SSH from here",
  "host-key-mismatch":
    "Another machine answers at this address, or the host was rebuilt: find out which before you pin its new key",
  authentication: "Check that the private key in the settings belongs to an authorized key of this user",
  interrupted: "Check that the machine still runs; then try again",
  timeout: "The host answers but does not finish: look at its load, then try again",
  "out-of-service": "Nobody asks it until crossborder:sites.<site>.outOfService is false again",
};

function seenHosts({ facts, measurement }: Evidence): Seen[] {
  const one = (view: HostView, end: LinkEnd, peer: LinkEnd): Seen[] =>
    view.unreachable ? [] : [{ end, peer, before: view.before, after: view.after }];
  return [
    ...one(measurement.initiator, facts.initiator, facts.responder),
    ...one(measurement.responder, facts.responder, facts.initiator),
  ];
}

function problem(state: HostState, tool: string): string | undefined {
  return state.problems.find((line) => line.startsWith(`${tool}:`));
}

/** How far a counter moved between the looks; undefined when either look lacks it. */
function moved({ before, after }: Seen, counter: string): number | undefined {
  const from = before.counters?.[counter];
  const to = after.counters?.[counter];
  return from === undefined || to === undefined ? undefined : to - from;
}

function host({ measurement }: Evidence): Failure[] {
  return [measurement.initiator, measurement.responder].flatMap((view): Failure[] =>
    view.unreachable
      ? [
          {
            layer: "host",
            seen: `${view.host}: ${view.unreachable.message}`,
            try: HOST_ADVICE[view.unreachable.failure],
          },
        ]
      : [],
  );
}

function ike(evidence: Evidence): Failure[] {
  return seenHosts(evidence).flatMap((seen): Failure[] => {
    const { end, peer, after } = seen;
    const broken = problem(after, "swanctl");
    if (broken) {
      return [
        {
          layer: "IKE",
          seen: `${end.host}: strongSwan does not answer (${broken})`,
          try: `On ${end.host}: systemctl status strongswan; journalctl -u strongswan -n 50`,
        },
      ];
    }
    if (after.ike?.state !== "ESTABLISHED") return [noIkeSa(evidence, seen)];
    if (after.credentialsAgeSeconds === null) {
      return [
        {
          layer: "IKE",
          seen: `${end.host}: ${evidence.facts.credentialsMarker} is missing, so it cannot be told whether the IKE SA was authenticated with today's key`,
          try: "Run `npm run verify`, then `pulumi up`: a file of the deployment was removed",
        },
      ];
    }
    if (after.ike.ageSeconds > after.credentialsAgeSeconds + AGE_SLACK_SECONDS) {
      return [
        {
          layer: "IKE",
          seen: `${end.host}: the IKE SA with ${peer.host} is ${after.ike.ageSeconds} s old, but its key changed ${after.credentialsAgeSeconds} s ago: it still stands on the former key`,
          try: `On ${evidence.facts.initiator.host}: swanctl --rekey --ike peer --reauth; when that fails the two sites hold different keys`,
        },
      ];
    }
    return [];
  });
}

function noIkeSa({ facts, measurement, underlayRttMs }: Evidence, { end, peer, after }: Seen): Failure {
  const state = after.ike
    ? `its IKE SA with ${peer.host} is ${after.ike.state}`
    : `no IKE SA with ${peer.host}`;
  const seen = `${end.host}: ${state}`;
  if (after.ikeCause === "authentication") {
    return {
      layer: "IKE",
      seen: `${seen}; its log says that authentication failed`,
      try: `The two sites hold different keys or names: \`npm run verify\` tells which gateway differs from what was deployed; then \`pulumi up\``,
    };
  }
  if (after.ikeCause === "proposal") {
    return {
      layer: "IKE",
      seen: `${seen}; its log says that the two ends offer different algorithms or selectors`,
      try: "`npm run verify` tells which gateway differs from what was deployed; then `pulumi up`",
    };
  }
  const target = facts.responder.publicAddress;
  if (measurement.burst && !underlayRttMs) {
    return {
      layer: "IKE",
      seen: `${seen}; ${target} does not answer ${facts.initiator.host}'s pings either`,
      try: `The path between the sites is cut, or ${facts.responder.host} is down: look at it, then at the providers' status pages`,
    };
  }
  const pings = underlayRttMs
    ? `; ${target} answers pings in ${underlayRttMs.p50} ms, so the path is there`
    : "";
  return {
    layer: "IKE",
    seen: `${seen}${after.ikeCause === "no-answer" ? "; its messages get no answer" : ""}${pings}`,
    try: `IKE is blocked or its peer does not run: check that UDP 500 and 4500 are admitted by the firewalls of both sites, and on ${peer.host}: systemctl status strongswan`,
  };
}

function esp(evidence: Evidence): Failure[] {
  return [...seenHosts(evidence).flatMap((seen) => espOnHost(evidence, seen)), ...espOnTheWay(evidence)];
}

function espOnHost(evidence: Evidence, seen: Seen): Failure[] {
  const { end, peer, after } = seen;
  const { burst } = evidence.measurement;
  if (problem(after, "swanctl")) return [];
  if (after.child?.state !== "INSTALLED" || !after.child.udp) {
    const state = !after.child
      ? "no CHILD SA"
      : after.child.state !== "INSTALLED"
        ? `a CHILD SA that is ${after.child.state}`
        : "a CHILD SA without UDP encapsulation";
    return [
      {
        layer: "ESP",
        seen: `${end.host}: ${state} towards ${peer.host}`,
        try: `On ${evidence.facts.initiator.host}: swanctl --initiate --child gre; what it prints names the reason`,
      },
    ];
  }
  const missing = Object.values(COUNTERS).filter((name) => moved(seen, name) === undefined);
  if (missing.length > 0) {
    const reason = problem(after, "nft") ?? `no counter ${missing.join(", ")}`;
    return [
      {
        layer: "ESP",
        seen: `${end.host}: that only encrypted packets leave cannot be proven (${reason})`,
        try: `The firewall, table inet crossborder, is not loaded. Run \`npm run verify\`, then \`pulumi up\``,
      },
    ];
  }
  const failures: Failure[] = [];
  const greClear = moved(seen, COUNTERS.greClearOut)!;
  if (greClear > 0) {
    failures.push({
      layer: "ESP",
      seen: `${end.host}: ${greClear} GRE packets left without encryption`,
      try: `IPsec does not take the link's packets and the firewall lets them out. On ${end.host}: systemctl restart crossborder-firewall; ip xfrm policy; then \`npm run verify\``,
    });
  }
  const privateClear = moved(seen, COUNTERS.privateClearOut)!;
  if (privateClear > 0) {
    failures.push({
      layer: "ESP",
      seen: `${end.host}: ${privateClear} packets for ${peer.cidr} left beside ${evidence.facts.interface}, in the clear`,
      try: `A route to ${peer.cidr} goes by another device and the firewall lets it. On ${end.host}: systemctl restart crossborder-firewall; ip route get ${peer.linkAddress}; ip route show ${peer.cidr}; vtysh -c 'show bgp summary'`,
    });
  }
  const expected =
    burst && (end === evidence.facts.initiator ? burst.tunnel.sent : burst.tunnel.rttsMs.length);
  const encrypted = moved(seen, COUNTERS.espUdpOut)!;
  // A device that is not up sends nothing: that is the next layer's failure, not a leak.
  if (expected !== undefined && after.device?.up && encrypted < expected) {
    failures.push({
      layer: "ESP",
      seen: `${end.host}: ${expected} probes were sent over the link, but only ${encrypted} packets of ESP in UDP left`,
      try: `On ${end.host}: tcpdump -ni any 'udp port 4500 or proto 47 or proto 50' shows what leaves instead; swanctl --list-sas`,
    });
  }
  return failures;
}

/** Packets that one end encrypts and the other never sees, when no probe was answered. */
function espOnTheWay(evidence: Evidence): Failure[] {
  const hosts = seenHosts(evidence);
  const { burst } = evidence.measurement;
  if (!burst || burst.tunnel.rttsMs.length > 0 || hosts.length < 2) return [];
  return hosts.flatMap((sender): Failure[] => {
    const receiver = hosts.find(({ end }) => end !== sender.end)!;
    const left = moved(sender, COUNTERS.espUdpOut) ?? 0;
    const { before, after } = receiver;
    if (left === 0 || !before.child || !after.child || before.child.id !== after.child.id) return [];
    if (after.child.packetsIn > before.child.packetsIn) return [];
    return [
      {
        layer: "ESP",
        seen: `${left} packets of ESP in UDP left ${sender.end.host}, and none was taken in by ${receiver.end.host}`,
        try: `UDP 4500 is lost on the way, or the ends hold different SAs: on ${receiver.end.host}: tcpdump -ni any udp port 4500. If they arrive: swanctl --terminate --ike peer on ${evidence.facts.initiator.host}; if not: the firewalls and providers in between`,
      },
    ];
  });
}

function gre(evidence: Evidence): Failure[] {
  const { facts, measurement } = evidence;
  const hosts = seenHosts(evidence);
  const failures = hosts.flatMap(({ end, after }): Failure[] =>
    after.device?.up
      ? []
      : [
          {
            layer: "GRE",
            seen: `${end.host}: the device ${facts.interface} ${after.device ? "is down" : "does not exist"}`,
            try: `On ${end.host}: systemctl status 'crossborder-*'; then \`npm run verify\` and \`pulumi up\``,
          },
        ],
  );
  if (failures.length > 0 || !measurement.burst || measurement.burst.tunnel.rttsMs.length > 0)
    return failures;
  const { error } = measurement.burst.tunnel;
  return [
    {
      layer: "GRE",
      seen: `${facts.initiator.host}: none of ${measurement.burst.tunnel.sent} probes to ${facts.responder.linkAddress} over ${facts.interface} was answered${error ? ` (${error})` : ""}`,
      try: `When no lower layer is at fault: on both gateways, ip -s addr show ${facts.interface} and nft list table inet crossborder`,
    },
  ];
}

function bfd(evidence: Evidence): Failure[] {
  if (!evidence.facts.bfd) return [];
  return seenHosts(evidence).flatMap(({ end, peer, after }): Failure[] => {
    if (after.bfd?.status === "up" || problem(after, "vtysh")) return [];
    const seen = after.bfd
      ? `the BFD session with ${peer.linkAddress} is ${after.bfd.status} for ${after.bfd.seconds} s (${after.bfd.diagnostic || "no diagnostic"}; the peer says ${after.bfd.remoteDiagnostic || "nothing"})`
      : `FRR has no BFD session with ${peer.linkAddress}`;
    return [
      {
        layer: "BFD",
        seen: `${end.host}: ${seen}`,
        try: `On ${end.host}: vtysh -c 'show bfd peers'. With the layers below in order, bfdd is not running or starved of CPU on ${peer.host}`,
      },
    ];
  });
}

function bgp(evidence: Evidence): Failure[] {
  const { interface: device } = evidence.facts;
  return seenHosts(evidence).flatMap(({ end, peer, after }): Failure[] => {
    const failure = (seen: string, advice: string): Failure[] => [
      { layer: "BGP", seen: `${end.host}: ${seen}`, try: advice },
    ];
    const broken = problem(after, "vtysh");
    if (broken) {
      return failure(
        `FRR does not answer (${broken})`,
        `On ${end.host}: systemctl status frr; journalctl -u frr -n 50`,
      );
    }
    if (!after.bgp) {
      return failure(
        `FRR has no BGP neighbour ${peer.linkAddress}`,
        "Run `npm run verify`, then `pulumi up`: FRR does not run the deployed configuration",
      );
    }
    if (after.bgp.state !== "Established") {
      const reset = after.bgp.lastReset ? `; last reset: ${after.bgp.lastReset}` : "";
      return failure(
        `BGP with ${peer.linkAddress} is ${after.bgp.state}, not Established${reset}`,
        `On ${end.host}: vtysh -c 'show bgp neighbors ${peer.linkAddress}'; TCP 179 over ${device} must pass`,
      );
    }
    if (after.bgp.accepted === 0) {
      return failure(
        `BGP with ${peer.linkAddress} is Established, but no prefix of it is accepted`,
        `${peer.host} announces nothing, or something other than ${peer.cidr}: on it, vtysh -c 'show bgp ipv4 unicast'`,
      );
    }
    if (after.route !== device) {
      return failure(
        `traffic to ${peer.cidr} goes by ${after.route ?? "no route"}, not by ${device}`,
        `On ${end.host}: vtysh -c 'show ip route ${peer.cidr}'; another route is preferred`,
      );
    }
    return [];
  });
}

/** The failures of the layers that follow need answered probes to mean anything. */
function answered(evidence: Evidence): Burst | undefined {
  const { burst } = evidence.measurement;
  return burst && burst.tunnel.rttsMs.length > 0 ? burst : undefined;
}

function mtu(evidence: Evidence): Failure[] {
  const { facts } = evidence;
  const failures = seenHosts(evidence).flatMap(({ end, after }): Failure[] =>
    !after.device || after.device.mtu === facts.mtu
      ? []
      : [
          {
            layer: "MTU",
            seen: `${end.host}: ${facts.interface} has an MTU of ${after.device.mtu}, ${facts.mtu} was deployed`,
            try: "Something else changed it. Run `npm run verify`, then `pulumi up`",
          },
        ],
  );
  const burst = answered(evidence);
  if (burst && !burst.atMtuPasses) {
    failures.push({
      layer: "MTU",
      seen: `${facts.initiator.host}: packets of ${facts.mtu} bytes that must not be fragmented do not come back over ${facts.interface}`,
      try: `The link's MTU does not fit the path. Find the largest that does: ping -M do -s <bytes - 28> ${facts.responder.linkAddress}; then lower the setting link.mtu`,
    });
  }
  if (burst?.aboveMtuPasses && failures.length === 0) {
    failures.push({
      layer: "MTU",
      seen: `${facts.initiator.host}: packets of ${facts.mtu + 1} bytes pass over ${facts.interface}, so its MTU is not ${facts.mtu}`,
      try: "Run `npm run verify`, then `pulumi up`",
    });
  }
  return failures;
}

function rtt({ facts, rttMs, underlayRttMs }: Evidence): Failure[] {
  if (!rttMs || rttMs.p50 <= facts.budgetMs) return [];
  const route = `${facts.initiator.host} to ${facts.responder.host}`;
  const beside = underlayRttMs ? `; beside the link, by the public address: ${underlayRttMs.p50} ms` : "";
  const pathIsSlow = underlayRttMs !== undefined && underlayRttMs.p50 > facts.budgetMs;
  return [
    {
      layer: "RTT",
      seen: `${route}: the median round trip is ${rttMs.p50} ms, the budget ${facts.budgetMs} ms${beside}`,
      try: pathIsSlow
        ? "The path itself is too slow: ask the providers about its routing, or raise link.budgetMs"
        : "The path is fast enough and the link is not: look at the gateways' CPU load",
    },
  ];
}

function loss({ facts, rttMs, lossPercent, underlayLossPercent }: Evidence): Failure[] {
  if (!rttMs || lossPercent <= facts.lossLimitPercent) return [];
  return [
    {
      layer: "loss",
      seen: `${facts.initiator.host} to ${facts.responder.host}: ${lossPercent} % of the probes were lost, the limit is ${facts.lossLimitPercent} %; beside the link ${underlayLossPercent} %`,
      try:
        underlayLossPercent > facts.lossLimitPercent
          ? "The path itself loses packets: tell the providers, with these figures; mtr between the public addresses shows where"
          : "Only the link loses packets: look at the gateways' CPU load, and at ip -s link and ip xfrm stat (/proc/net/xfrm_stat) on both",
    },
  ];
}

/** What is wrong, lowest layer first. */
export function diagnose(evidence: Evidence): Failure[] {
  return [host, ike, esp, gre, bfd, bgp, mtu, rtt, loss].flatMap((layer) => layer(evidence));
}
