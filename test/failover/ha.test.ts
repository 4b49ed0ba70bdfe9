import { ipsec } from "../../drills/faults";
import { withQmp } from "../../lab/machines/qmp";
import { machineFiles } from "../../lab/machines/qemu";
import { serviceAddress, type SiteName } from "../../lab/network/plan";
import { labPaths } from "../../lab/paths";
import { run } from "../../lab/sessions";
import { type HaStatus, isPaired, readHa, servingSites } from "../../providers/probes/ha";
import type { LinkFacts } from "../../providers/probes/facts";
import { deployedLab, outputs } from "../lab/support/deployed";
import { deploy } from "../lab/support/deployment";
import { calmLab, eventually, type Lab, labTimeoutMs, openLab } from "../lab/support/lab";
import { runCommand } from "../support/checkoutCommand";
import { answerers, answerWithSite, askFor, failed, outageSeconds } from "../lab/support/vip";

const minute = 60_000;

/** The test's service says which site it stands in: the one of the lab's settings that drills use otherwise. */
const port = 7020;
/** Of the settings that are turned on. */
const drainSeconds = 10;
const pair = { vip: serviceAddress, policy: "both-serve" };

let l: Lab;
let facts: LinkFacts;

beforeAll(async () => {
  l = await deployedLab();
  await answerWithSite(l.la, "la", port);
  await answerWithSite(l.sg, "sg", port);
  facts = (await outputs()).linkFacts;
  // What was decided by hand outlives a deployment: also what a test left that failed.
  await ha("release");
}, labTimeoutMs);
// A test that failed must not decide the next one's beginning.
afterEach(async () => void (await ha("release")), minute);
afterAll(() => l.close());

function status(): Promise<HaStatus> {
  return readHa(facts, { initiator: l.la, responder: l.sg }, pair);
}

/** Waits until the pair is in order and the site has the address. */
async function inOrder(site: SiteName, deadlineMs: number): Promise<void> {
  await eventually(
    `the pair is in order and ${site} serves`,
    async () => {
      const found = await status();
      return isPaired(found) && servingSites(found)[0] === site;
    },
    deadlineMs,
    1000,
  );
}

const ask = (seconds: number, client: "client-la" | "client-sg") =>
  askFor(seconds, l.wan, client, serviceAddress, port);

/** Runs a command of `npm run ha`. @returns its exit status and all that it printed. */
async function ha(...args: string[]): Promise<{ status: number; output: string }> {
  const { status, stdout, stderr } = await runCommand(["ha", ...args]);
  return { status, output: stdout + stderr };
}

/** Stops a machine's processor, as a host that froze, or lets it go on. */
async function freeze(site: SiteName, command: "stop" | "cont"): Promise<void> {
  await withQmp([machineFiles(labPaths(), site).qmp], async ([qmp]) => void (await qmp!.execute(command)));
}

test(
  "the primary has the address, announces it, and answers the clients of both sites",
  async () => {
    await inOrder("la", 2 * minute);
    expect(answerers(await ask(2, "client-la"))).toEqual(["from-la"]);
    expect(answerers(await ask(2, "client-sg"))).toEqual(["from-la"]);
    expect(await run(l.la, "ip -br -4 address show dev lo")).toContain(`${serviceAddress}/32`);
    expect(await run(l.sg, "ip -br -4 address show dev lo")).not.toContain(serviceAddress);
    await eventually(
      "the secondary has learned the address from the primary",
      async () => (await run(l.sg, "ip -4 route show proto bgp")).includes(`${serviceAddress} `),
      10_000,
    );
    expect(await run(l.la, "ip -4 route show proto bgp")).not.toContain(serviceAddress);
  },
  4 * minute,
);

test(
  "VRRP's advertisements are counted on the link alone: one from the site's own network is dropped",
  async () => {
    const spoof = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
# VRRPv3, priority 254, the pair's router and address. Its checksum doesn't matter: it must not get as far.
for _ in range(20):
    s.sendto(bytes([0x31, 51, 254, 1, 0, 100, 0, 0, 10, 0, 0, 100]), ("10.10.0.2", 0))`;
    const dropped = async () =>
      Number(/packets (\d+)/.exec(await run(l.la, "nft list counter inet crossborder input_dropped"))![1]);
    const before = await dropped();
    await run(l.wan, "ip netns exec client-la python3 -", { stdin: spoof });
    await eventually("the packets are dropped", async () => (await dropped()) >= before + 20, 10_000);
    expect(await status()).toMatchObject({ la: "MASTER" });
  },
  minute,
);

test(
  "a switchover there and back fails no request, and ends old connections after the drain",
  async () => {
    await inOrder("la", 2 * minute);
    // A service ignores SIGPIPE (systemd.exec(5)): what ends the loop is that nobody takes what it says.
    const long = `(while sleep 1 && echo x; do :; done) | exec socat - TCP:${serviceAddress}:${port}`;
    // Of a run that was interrupted.
    await l.wan.exec("systemctl stop test-long.service");
    await run(
      l.wan,
      `systemd-run --collect --unit=test-long -p NetworkNamespacePath=/run/netns/client-sg sh -c '${long}'`,
    );
    const lives = async () => (await l.wan.exec("systemctl is-active --quiet test-long")).status === 0;
    const [fromLa, fromSg, moved] = await Promise.all([
      ask(90, "client-la"),
      ask(90, "client-sg"),
      ha("switchover"),
    ]);
    expect([moved.status, moved.output]).toEqual([0, expect.stringContaining("sg has the address now")]);
    for (const requests of [fromLa, fromSg]) {
      expect(failed(requests)).toEqual([]);
      expect(answerers(requests)).toEqual(["from-la", "from-sg"]);
    }
    await eventually(
      "the old connection was ended",
      async () => !(await lives()),
      (drainSeconds + 15) * 1000,
    );
    expect(await run(l.sg, "ip -br -4 address show dev lo")).toContain(`${serviceAddress}/32`);
    const back = await ha("switchover", "la");
    expect([back.status, back.output]).toEqual([0, expect.stringContaining("la has the address now")]);
    await inOrder("la", minute);
  },
  6 * minute,
);

test(
  "the primary dies, and the address answers the other site's clients within 5 s; it takes it back when it returns",
  async () => {
    await inOrder("la", 2 * minute);
    const asking = ask(40, "client-sg");
    // Another client's questions, so that the first one's have begun.
    expect(answerers(await ask(2, "client-sg"))).toEqual(["from-la"]);
    await freeze("la", "stop");
    const requests = await asking;
    await freeze("la", "cont");
    // Its sessions have ended: it was silent for longer than they wait.
    l.close();
    l = await calmLab();
    expect(answerers(requests).slice(0, 2)).toEqual(["from-la", "from-sg"]);
    const outage = outageSeconds(requests);
    process.stdout.write(
      `the primary froze: the address was silent for ${outage.toFixed(1)} s in Singapore\n`,
    );
    expect(outage).toBeLessThan(5);
    await inOrder("la", 3 * minute);
  },
  8 * minute,
);

test(
  "keepalived that was killed leaves no address behind, and the pair is in order again by itself",
  async () => {
    await inOrder("la", 2 * minute);
    await run(l.la, "systemctl kill --signal=KILL keepalived.service");
    await inOrder("la", 2 * minute);
    expect((await run(l.la, "ip -o -4 address show dev lo")).match(/10\.0\.0\.100\/32/g)).toHaveLength(1);
  },
  5 * minute,
);

test(
  "with the link cut each site answers its own clients, and one of them gives up when it heals",
  async () => {
    await inOrder("la", 2 * minute);
    await l.ocean.cut(ipsec);
    await eventually("both sites serve", async () => servingSites(await status()).length === 2, 30_000, 1000);
    expect(answerers(await ask(3, "client-la"))).toEqual(["from-la"]);
    expect(answerers(await ask(3, "client-sg"))).toEqual(["from-sg"]);
    await l.ocean.heal();
    await inOrder("la", 2 * minute);
  },
  5 * minute,
);

test(
  "under primary-only the secondary stays a proxy while the primary answers beside the link",
  async () => {
    await deploy({ "ha.policy": "primary-only" });
    await inOrder("la", 2 * minute);
    await l.ocean.cut(ipsec);
    await eventually(
      "the secondary is MASTER for VRRP",
      async () => (await status())["sg"] === "MASTER",
      30_000,
      1000,
    );
    const requests = await ask(10, "client-sg");
    expect(new Set(answerers(requests))).toEqual(new Set(["from-la"]));
    expect(servingSites(await status())).toEqual(["la"]);
    await l.ocean.heal();
    await inOrder("la", 2 * minute);
    await deploy();
  },
  10 * minute,
);

test(
  "hold keeps the address where it is and is shouted about; force moves it, and release gives it back",
  async () => {
    await inOrder("la", 2 * minute);
    expect((await ha("hold")).status).toBe(0);
    const held = await ha("status");
    expect(held.status).toBe(1);
    expect(held.output).toMatch(/HOLD: la has 10\.0\.0\.100 pinned to la .*NOTHING TAKES OVER/);
    expect((await ha("force", "sg")).status).toBe(0);
    await eventually("sg serves", async () => servingSites(await status()).join() === "sg", 30_000, 1000);
    expect(answerers(await ask(2, "client-la"))).toEqual(["from-sg"]);
    expect((await ha("release")).status).toBe(0);
    await inOrder("la", minute);
  },
  6 * minute,
);

test(
  "both gateways rebooted at once come back with one master, the primary",
  async () => {
    const boots = await Promise.all([l.la, l.sg].map(bootId));
    await Promise.all([l.la, l.sg].map((gateway) => gateway.exec("systemctl reboot")));
    l.close();
    await eventually(
      "both gateways booted anew",
      async () => {
        const opened = await openLab().catch(() => undefined);
        if (!opened) return false;
        const now = await Promise.all([opened.la, opened.sg].map(bootId)).catch(() => boots);
        if (now.every((boot, index) => boot !== boots[index])) {
          l = opened;
          return true;
        }
        opened.close();
        return false;
      },
      8 * minute,
      2000,
    );
    await inOrder("la", 5 * minute);
    expect(answerers(await ask(2, "client-sg"))).toEqual(["from-la"]);
  },
  15 * minute,
);

function bootId(gateway: Lab["la"]): Promise<string> {
  return run(gateway, "cat /proc/sys/kernel/random/boot_id");
}
