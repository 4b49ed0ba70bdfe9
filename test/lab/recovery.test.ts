import { everything } from "../../drills/faults";
import { run } from "../../lab/sessions";
import { deployedLab } from "./support/deployed";
import { eventually, type Lab, labTimeoutMs } from "./support/lab";
import { pingDuring } from "./support/traffic";

const minute = 60_000;

let l: Lab;
beforeAll(async () => void (l = await deployedLab("link")), labTimeoutMs);
afterAll(() => l.close());

/** Seconds between the answered pings before and after a hole, from the sender's own clock. */
function longestSilence(stamps: readonly number[]): number {
  return Math.max(...stamps.slice(1).map((stamp, index) => stamp - stamps[index]!));
}

it(
  "a cut is noticed by BFD, connects are refused meanwhile, and traffic is back soon after it heals",
  async () => {
    const watch = l.on("client-la", "ping -n -D -i 0.2 -c 200 -W 1 10.20.0.50");
    await eventually(
      "BFD is up",
      async () => (await run(l.la, "vtysh -c 'show bfd peers brief'")).includes("up"),
      minute,
    );
    const { healedAt } = await l.ocean.cutFor(everything, 10);
    const { stdout } = await watch;
    const stamps = [...stdout.matchAll(/^\[([\d.]+)\].*bytes from/gm)].map((found) => Number(found[1]));
    expect(longestSilence(stamps)).toBeGreaterThan(9);
    const first = stamps.find((stamp) => stamp > healedAt)!;
    process.stdout.write(`traffic is back ${(first - healedAt).toFixed(1)} s after the end of a 10 s cut\n`);
    // Promised: 5 s at most. The emulated machines get half as much again.
    expect(first - healedAt).toBeLessThan(7.5);
  },
  3 * minute,
);

it(
  "IKE and ESP are rekeyed without losing a packet",
  async () => {
    const report = await pingDuring(l.la, "10.255.0.2", async () => {
      await run(l.la, "swanctl --rekey --child gre");
      await run(l.la, "swanctl --rekey --ike peer");
      await run(l.sg, "swanctl --rekey --child gre");
    });
    expect(report.sent).toBeGreaterThan(10);
    expect(report.lost).toBe(0);
  },
  2 * minute,
);

it(
  "an initiator that was turned away by a peer without its configuration tries again by itself",
  async () => {
    const file = "/etc/swanctl/conf.d/crossborder.conf";
    await run(l.sg, `mv ${file} /run/ && swanctl --load-conns`);
    await run(l.la, "swanctl --terminate --ike peer --force --timeout 2 || true");
    await eventually(
      "the initiator was turned away",
      async () =>
        (await run(l.la, "journalctl -u strongswan --since -1min")).includes("NO_PROPOSAL_CHOSEN notify"),
      minute,
    );
    await run(l.sg, `mv /run/crossborder.conf ${file} && swanctl --load-conns`);
    await eventually(
      "the link carries again",
      async () => (await l.on("client-la", "ping -n -c 2 -i 0.2 -W 1 10.20.0.50")).status === 0,
      minute,
    );
  },
  3 * minute,
);
