import { run } from "../../lab/sessions";
import { labStatus } from "../../lab/status";
import { labPaths } from "../../lab/paths";
import { deployedLab, outputs } from "./support/deployed";
import { pulumi, up } from "./support/deployment";
import { eventually, type Lab, labTimeoutMs } from "./support/lab";

const minute = 60_000;

let l: Lab;
beforeAll(async () => void (l = await deployedLab("link")), labTimeoutMs);
afterAll(() => l.close());

/** SSH logins that a gateway has counted since its boot. */
async function logins(gateway: "la" | "sg"): Promise<number> {
  return Number(await run(l[gateway], "journalctl -b -o cat -t sshd | grep -c 'Accepted publickey'"));
}

describe("the deployed link", () => {
  it("has taken no packet whose number belongs to before the lab was restored", async () => {
    for (const gateway of [l.la, l.sg]) {
      expect(await run(gateway, "cat /proc/net/xfrm_stat")).toMatch(/^XfrmInStateSeqError\s+0$/m);
    }
  });

  it("tracks as many connections as a gateway's users may have", async () => {
    for (const gateway of [l.la, l.sg]) {
      expect(Number(await run(gateway, "cat /proc/sys/net/netfilter/nf_conntrack_max"))).toBe(65_536);
    }
  });

  it(
    "is up, encrypted, routed and within its budget",
    async () => {
      const { link } = await labStatus(labPaths());
      expect(link).toMatchObject({
        state: "up",
        bfd: "up",
        bgp: "established",
        encrypted: true,
        mtu: 1380,
        diagnosis: [],
      });
      if (link.state === "absent" || !("rttMs" in link)) throw new Error("no link");
      expect(link.rttMs!.p50).toBeLessThan(100);
      expect(link.underlayRttMs!.p50).toBeGreaterThan(80);
    },
    minute,
  );

  it(
    "shows the ocean nothing but UDP 4500, and the backup path's health checks by TLS",
    async () => {
      const before = await l.ocean.counters();
      expect((await l.la.exec("ping -n -c 20 -i 0.05 10.255.0.2")).status).toBe(0);
      const after = await l.ocean.counters();
      expect(after.natt4500.packets - before.natt4500.packets).toBeGreaterThanOrEqual(40);
      for (const other of ["ike500", "gre", "esp", "tcp", "icmp", "private", "leak"] as const) {
        expect([other, after[other].packets - before[other].packets]).toEqual([other, 0]);
      }
    },
    minute,
  );

  it(
    "joins hosts of the sites that are no gateways",
    async () => {
      const said = await l.on("client-la", "ping -n -c 5 -i 0.2 -W 2 10.20.0.50");
      expect(said.stdout).toContain(" 0% packet loss");
    },
    minute,
  );

  it(
    "carries exactly its MTU unfragmented",
    async () => {
      const passes = async (bytes: number) =>
        (await l.la.exec(`ping -n -c 2 -i 0.2 -W 2 -M do -s ${bytes - 28} 10.255.0.2`)).status === 0;
      expect(await passes(1380)).toBe(true);
      expect(await passes(1381)).toBe(false);
    },
    minute,
  );

  it(
    "is bound to gre1 in BFD and BGP, and announces only the sites' ranges",
    async () => {
      const bfd = JSON.parse(await run(l.la, "vtysh -c 'show bfd peers json'")) as { interface?: string }[];
      expect(bfd).toHaveLength(1);
      const routes = await run(l.la, "ip route show proto bgp");
      expect(routes.trim()).toMatch(/^10\.20\.0\.0\/24 .*via 10\.255\.0\.2 dev gre1/);
      expect(await run(l.sg, "ip route show proto bgp")).toMatch(
        /^10\.10\.0\.0\/24 .*via 10\.255\.0\.1 dev gre1/,
      );
    },
    minute,
  );

  it(
    "is probed all the time by both gateways",
    async () => {
      for (const gateway of [l.la, l.sg]) {
        expect((await gateway.exec("systemctl is-active crossborder-link-health.timer")).stdout.trim()).toBe(
          "active",
        );
        // A run that met the deployment's last moments may have seen losses, and it takes some good ones to be believed.
        await eventually(
          "the probe finds the link in order",
          async () => {
            await gateway.exec("systemctl start crossborder-link-health.service");
            const metrics = await run(gateway, "cat /var/lib/prometheus/node-exporter/crossborder_link.prom");
            return (
              /^crossborder_link_up(\{[^}]*\})? 1$/m.test(metrics) &&
              /^crossborder_bfd_up(\{[^}]*\})? 1$/m.test(metrics)
            );
          },
          minute,
        );
      }
    },
    2 * minute,
  );
});

describe("a deployment without a change", () => {
  it(
    "changes nothing and contacts no host",
    async () => {
      const before = [await logins("la"), await logins("sg")];
      const { status, output } = await up();
      expect(status).toBe(0);
      expect(output).toMatch(/Resources:\s+\d+ unchanged/);
      expect([await logins("la"), await logins("sg")]).toEqual(before);
    },
    2 * minute,
  );

  it(
    "refreshes without a difference",
    async () => {
      const { status, output } = await pulumi(["refresh", "--yes", "--expect-no-changes", "--skip-preview"]);
      expect([status, status === 0 ? "" : output]).toEqual([0, ""]);
    },
    2 * minute,
  );
});

describe("secrets", () => {
  it(
    "are neither in the state, nor in what a deployment prints, nor in a process list, nor in a log",
    async () => {
      const { linkFacts } = await outputs();
      const psk = /secret = 0s(\S+)/.exec(
        await run(l.la, "cat /etc/swanctl/conf.d/crossborder-secrets.conf"),
      )![1]!;
      const keyBody = linkFacts.initiator.connection.privateKey.split("\n")[2]!;
      const state = (await pulumi(["stack", "export"])).stdout;
      const printed = (await up({ "gate.measure": "always" })).output;
      for (const secret of [psk, keyBody]) {
        expect(state.includes(secret)).toBe(false);
        expect(printed.includes(secret)).toBe(false);
      }
      for (const gateway of [l.la, l.sg]) {
        const seen = await run(
          gateway,
          "journalctl -b --no-pager; ps axww -o args; cat /var/log/*.log 2>/dev/null || true",
        );
        expect(seen.includes(psk)).toBe(false);
        const holders = await run(
          gateway,
          `grep -rlF '${psk}' /etc /usr/local /run /tmp /var/log 2>/dev/null || true`,
        );
        expect(holders.trim().split("\n")).toEqual(["/etc/swanctl/conf.d/crossborder-secrets.conf"]);
        expect((await run(gateway, "stat -c %a /etc/swanctl/conf.d/crossborder-secrets.conf")).trim()).toBe(
          "600",
        );
      }
    },
    3 * minute,
  );
});
