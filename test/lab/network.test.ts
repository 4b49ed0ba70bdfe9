import { run } from "../../lab/sessions";
import { lab, type Lab, labTimeoutMs } from "./support/lab";

let l: Lab;
beforeAll(async () => void (l = await lab()), labTimeoutMs);
afterAll(() => l.close());

/** Whether a ping of a size in bytes on the wire, that no router may break up, is answered. */
async function passes(from: "la" | "sg", to: string, size: number): Promise<boolean> {
  const headers = 28;
  const said = await l[from].exec(`ping -n -c 3 -i 0.2 -W 2 -M do -s ${size - headers} ${to}`);
  return said.status === 0;
}

describe("the underlay", () => {
  it("carries 1460 bytes towards la, says so to who sends more, and 1500 nowhere between the sites", async () => {
    await l.sg.exec("ip route flush cache");
    const refused = await l.sg.exec("ping -n -c 1 -W 2 -M do -s 1433 198.51.100.10");
    expect(refused.stdout + refused.stderr).toMatch(/Frag needed and DF set \(mtu = 1460\)|mtu=1460/);
    expect(await passes("sg", "198.51.100.10", 1460)).toBe(true);
    expect(await passes("la", "203.0.113.10", 1460)).toBe(true);
    expect(await passes("la", "203.0.113.10", 1461)).toBe(false);
  }, 60_000);

  it("knows the gateways by their public addresses, which neither of them owns", async () => {
    expect(await run(l.la, "ip -o -4 address")).not.toContain("198.51.100.");
    expect(await run(l.sg, "ip -o -4 address")).not.toContain("203.0.113.");
    const watch = "timeout 10 tcpdump -n -c 1 -i ocean-sg icmp and dst host 203.0.113.10 2>/dev/null";
    const [seen] = await Promise.all([l.wan.exec(watch), l.la.exec("ping -n -c 20 -i 0.3 203.0.113.10")]);
    expect(seen.stdout).toContain("198.51.100.10 > 203.0.113.10");
  }, 60_000);
});

describe("private addresses", () => {
  it("never cross the Internet, and an attempt is counted", async () => {
    const before = await l.ocean.counters();
    expect((await l.on("client-la", "ping -n -c 2 -i 0.2 -W 1 192.168.7.7")).status).not.toBe(0);
    expect((await l.ocean.counters()).private.packets - before.private.packets).toBe(2);
  }, 60_000);

  it("outside the site that a gateway sends in clear are dropped by its cloud, and counted as a leak", async () => {
    const before = await l.ocean.counters();
    await l.la.exec("ping -n -c 2 -i 0.2 -W 1 10.99.0.1");
    const after = await l.ocean.counters();
    expect(after.leak.packets - before.leak.packets).toBe(2);
    expect(after.private.packets).toBe(before.private.packets);
  }, 60_000);
});

describe("a client", () => {
  it.each([
    ["client-la", "10.10.0.1", "10.10.0.2", "10.20.0.0/24", 1460],
    ["client-sg", "10.20.0.1", "10.20.0.2", "10.10.0.0/24", 1500],
  ] as const)(
    "%s sends everything to its cloud's router %s, which sends the peer's range to the gateway %s",
    async (client, router, gateway, peer, mtu) => {
      const [route] = JSON.parse(
        await run(l.wan, `ip -n ${client} -j route get ${peer.replace("0/24", "50")}`),
      ) as {
        gateway: string;
      }[];
      expect(route?.gateway).toBe(router);
      const vpc = client.replace("client", "vpc");
      const table = await run(l.wan, `ip -n ${vpc} route`);
      expect(table).toContain(`${peer} via ${gateway} dev br0`);
      expect(table).toContain(`10.0.0.100 via ${gateway} dev br0`);
      expect(await run(l.wan, `ip -n ${client} link show net0`)).toContain(`mtu ${mtu}`);
    },
    60_000,
  );

  it("reaches the Internet with an address that is not the gateway's", async () => {
    const watch =
      "timeout 10 tcpdump -n -c 1 -i ocean-sg icmp and dst host 203.0.113.10 and src host 198.51.100.50 2>/dev/null";
    const [seen] = await Promise.all([
      l.wan.exec(watch),
      l.on("client-la", "ping -n -c 20 -i 0.3 203.0.113.10"),
    ]);
    expect(seen.stdout).toContain("198.51.100.50 > 203.0.113.10");
  }, 60_000);
});
