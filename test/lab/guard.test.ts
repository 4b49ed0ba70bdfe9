import type { Session } from "../../providers/ssh/session";
import { openSession, run } from "../../lab/sessions";
import { deployedLab } from "./support/deployed";
import { eventually, type Lab, labTimeoutMs } from "./support/lab";

const minute = 60_000;
/** A boot of an emulated machine, its daemons' start, and the link. */
const bootDeadlineMs = 7 * minute;

let l: Lab;
beforeEach(async () => void (l = await deployedLab("link")), labTimeoutMs);
afterEach(() => l.close());

/** Packets of private addresses that reached a cloud's router or the ocean although they belong into the tunnel. */
async function escaped(): Promise<number> {
  const counters = await l.ocean.counters();
  return counters.private.packets + counters.leak.packets;
}

/** How long a connect to the other site takes to fail, ms, as the quickest of a few: the slow machine's noise aside. */
async function refusalMs(from: Session, address: string): Promise<number> {
  const program = `
import socket, time
best = 1e9
for _ in range(5):
    s = socket.socket()
    s.settimeout(5)
    start = time.monotonic()
    try:
        s.connect(("${address}", 9))
        raise SystemExit("connected")
    except socket.timeout:
        raise SystemExit("timed out")
    except OSError:
        best = min(best, time.monotonic() - start)
    s.close()
print(best * 1000)`;
  return Number(await run(from, "python3 -", { stdin: program }));
}

async function knockFromEverywhere(): Promise<void> {
  await l.la.exec("ping -n -c 5 -i 0.2 -W 1 10.20.0.50");
  await l.sg.exec("ping -n -c 5 -i 0.2 -W 1 10.10.0.50");
  await l.on("client-la", "ping -n -c 5 -i 0.2 -W 1 10.20.0.50");
  await l.on("client-sg", "ping -n -c 5 -i 0.2 -W 1 10.10.0.50");
}

it.each([
  ["FRR is killed", "systemctl kill -s KILL frr.service; systemctl stop frr.service"],
  ["strongSwan is stopped", "systemctl stop strongswan.service"],
  ["gre1 is gone", "ip link del gre1"],
])(
  "when %s, not one packet for the other site leaves outside the tunnel, and a connect fails at once",
  async (_, command) => {
    const before = await escaped();
    await run(l.la, command);
    await eventually(
      "the route to the peer's range is withdrawn",
      async () => !(await run(l.la, "ip route get 10.20.0.50 2>&1 || true")).includes("dev gre1"),
      30_000,
    );
    await knockFromEverywhere();
    expect(await escaped()).toBe(before);
    expect(await refusalMs(l.la, "10.20.0.50")).toBeLessThan(50);
  },
  5 * minute,
);

it(
  "GRE in the clear is dropped on its way out and on its way in",
  async () => {
    await run(l.la, "systemctl stop strongswan.service; ip xfrm state flush; ip xfrm policy flush");
    const before = await l.ocean.counters();
    await l.la.exec("ping -n -c 5 -i 0.2 -W 1 10.255.0.2");
    expect((await l.ocean.counters()).gre.packets).toBe(before.gre.packets);
    expect(await run(l.la, "nft list counter inet crossborder gre_clear_dropped")).not.toContain(
      "packets 0 ",
    );

    // From outside: an empty GRE packet as the peer would send it, were it not for IPsec.
    const spoof = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
for _ in range(5):
    s.sendto(bytes([0, 0, 8, 0]) + bytes(20), ("198.51.100.10", 0))`;
    const dropped = async () =>
      Number(
        /packets (\d+)/.exec(await run(l.la, "nft list counter inet crossborder gre_clear_dropped"))![1],
      );
    const count = await dropped();
    await run(l.wan, "ip netns exec client-sg python3 -", { stdin: spoof });
    await eventually("the packets arrive", async () => (await dropped()) >= count + 5, 10_000);
  },
  3 * minute,
);

it(
  "from the first moment of a boot on, and the link comes back by itself",
  async () => {
    const before = await escaped();
    const knocking = l.wan.exec("ip netns exec client-la ping -n -c 2400 -i 0.2 -W 1 10.20.0.50", {
      timeoutMs: 9 * minute,
    });
    const boot = await bootId(l.la);
    await l.la.exec("systemctl reboot");
    l.la.close();
    await eventually(
      "the gateway booted anew and its link carries traffic",
      async () =>
        (await l.on("client-sg", "ping -n -c 2 -i 0.2 -W 1 10.10.0.50")).status === 0 &&
        (await hasRebooted(boot)),
      bootDeadlineMs,
      2000,
    );
    await l.wan.exec("pkill -INT -x ping");
    await knocking;
    expect(await escaped()).toBe(before);
  },
  10 * minute,
);

function bootId(gateway: Session): Promise<string> {
  return run(gateway, "cat /proc/sys/kernel/random/boot_id");
}

/** Whether the gateway in Los Angeles runs another boot than before, as far as it answers. */
async function hasRebooted(before: string): Promise<boolean> {
  try {
    const session = await openSession("la");
    try {
      return (await bootId(session)) !== before;
    } finally {
      session.close();
    }
  } catch {
    return false;
  }
}
