import { burstSchema, hostStateSchema } from "../../../../providers/probes/observation";
import { Gateway, healthy } from "./gateway";

jest.setTimeout(60_000);

let gateway: Gateway;

beforeEach(() => {
  gateway = new Gateway();
});

afterEach(() => gateway.remove());

test("a look has the shape that verdicts are taken from", async () => {
  const state = hostStateSchema.parse(await gateway.probe("state"));
  expect(state).toMatchObject({
    bfd: { status: "up", seconds: 9 },
    bgp: { state: "Established", accepted: 1 },
    route: "gre1",
    ike: { state: "ESTABLISHED", id: "3", ageSeconds: 791 },
    ikeCause: null,
    child: {
      state: "INSTALLED",
      mode: "TRANSPORT",
      udp: true,
      packetsIn: 10,
      packetsOut: 12,
      ageSeconds: 79,
    },
    counters: { underlay_esp_udp_out: 0, underlay_private_clear_out: 3 },
    problems: [],
  });
});

test("of several SAs the youngest that is established counts, with its child", async () => {
  const sa = (id: number, state: string, age: number, child: string): string =>
    `list-sa event {peer {uniqueid=${id} version=2 state=${state} established=${age} tasks-active=[IKE_REKEY CHILD_REKEY] child-sas {${child}}}}`;
  const child = (id: number, age: number): string =>
    `gre-${id} {name=gre uniqueid=${id} state=INSTALLED mode=TRANSPORT encap=yes packets-in=1 packets-out=1 install-time=${age} local-ts=[10.10.0.2/32[gre]] remote-ts=[203.0.113.10/32[gre]]}`;
  gateway.breakTool(
    "swanctl",
    `cat <<'END'\n${[
      sa(7, "CONNECTING", 0, ""),
      sa(5, "ESTABLISHED", 3600, child(8, 3600)),
      sa(6, "ESTABLISHED", 12, child(9, 11)),
      "list-sa event {other {uniqueid=1 state=ESTABLISHED established=1 child-sas {}}}",
      "list-sas reply {}",
    ].join("\n")}\nEND`,
  );
  await expect(gateway.probe("state")).resolves.toMatchObject({
    ike: { id: "6", ageSeconds: 12 },
    child: { id: "9", ageSeconds: 11 },
  });
});

test.each([
  ["authentication", "received AUTHENTICATION_FAILED notify error"],
  ["authentication", "tried 1 shared key for 'sg-gw1' - 'la-gw1', but MAC mismatched"],
  ["proposal", "received NO_PROPOSAL_CHOSEN notify error"],
  ["no-answer", "giving up after 5 retransmits"],
])("without an SA the daemon's log gives the cause: %s", async (cause, line) => {
  gateway.set({ ...healthy, ike: false });
  gateway.breakTool(
    "journalctl",
    `echo 'retransmit 1 of request with message ID 0'; echo "${line}"; echo 'sending packet'`,
  );
  await expect(gateway.probe("state")).resolves.toMatchObject({ ike: null, child: null, ikeCause: cause });
});

test("a rejecting route is named", async () => {
  gateway.breakTool("ip", "echo 'unreachable 10.20.0.0/24 proto static metric 20'");
  await expect(gateway.probe("state")).resolves.toMatchObject({ route: "unreachable" });
});

test("tools that fail or talk nonsense leave a hole and a reason", async () => {
  gateway.breakTool("vtysh", "echo 'Exiting: failed to connect to any daemons.' >&2; exit 1");
  gateway.breakTool("nft", "echo '{'");
  const state = hostStateSchema.parse(await gateway.probe("state"));
  expect(state).toMatchObject({ bfd: null, bgp: null, counters: null });
  expect(state.problems).toEqual([
    "vtysh: Exiting: failed to connect to any daemons.",
    "nft: output not understood",
  ]);
});

test("a burst counts each answer once, in the order of sending", async () => {
  gateway.breakTool(
    "ping",
    `cat <<'END'
64 bytes from 10.255.0.2: icmp_seq=1 ttl=64 time=84.1 ms
64 bytes from 10.255.0.2: icmp_seq=3 ttl=64 time=83.2 ms
64 bytes from 10.255.0.2: icmp_seq=1 ttl=64 time=99.9 ms (DUP!)
64 bytes from 10.255.0.2: icmp_seq=2 ttl=64 time=160 ms

4 packets transmitted, 3 received, +1 duplicates, 25% packet loss, time 63ms
END
exit 1`,
  );
  const burst = burstSchema.parse(await gateway.probe("burst"));
  expect(burst.tunnel).toEqual({ sent: 4, rttsMs: [84.1, 160, 83.2], error: null });
});

test("probes that only keep ping listening don't count", async () => {
  gateway.breakTool(
    "ping",
    `for number in $(seq 12); do
  [ $number = 4 ] || echo "64 bytes from 10.255.0.2: icmp_seq=$number ttl=64 time=84.$number ms"
done
echo '12 packets transmitted, 11 received'
exit 1`,
  );
  const burst = burstSchema.parse(await gateway.probe("burst"));
  expect(burst.tunnel).toMatchObject({ sent: 10, error: null });
  expect(burst.tunnel.rttsMs).toEqual([84.1, 84.2, 84.3, 84.5, 84.6, 84.7, 84.8, 84.9, 84.1]);
});

test("a ping that cannot be sent is all its probes lost, with ping's words; full packets are told from fuller ones", async () => {
  gateway.breakTool(
    "ping",
    `case "$*" in
*"-s 1352"*) echo '64 bytes from 10.255.0.2: icmp_seq=1 ttl=64 time=84.1 ms'; echo '5 packets transmitted, 1 received' ;;
*"-s 1353"*) echo 'ping: local error: message too long, mtu=1380' >&2; exit 1 ;;
*) echo 'ping: connect: Network is unreachable' >&2; exit 2 ;;
esac`,
  );
  const burst = burstSchema.parse(await gateway.probe("burst"));
  expect(burst.tunnel).toEqual({ sent: 10, rttsMs: [], error: "ping: connect: Network is unreachable" });
  expect(burst).toMatchObject({ atMtuPasses: true, aboveMtuPasses: false });
});
