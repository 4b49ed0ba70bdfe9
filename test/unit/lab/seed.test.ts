import { networkSeed } from "../../../lab/network/seed";
import { machines } from "../../../lab/network/plan";

describe("a machine's seed", () => {
  it.each(machines)("of %s adds to the system and flushes nothing", (machine) => {
    for (const content of Object.values(networkSeed(machine))) expect(content).not.toMatch(/flush|reset/);
  });

  it("gives la Google's MTU and its cloud's router as gateway and clock", () => {
    const seed = networkSeed("la");
    expect(seed["apply"]).toContain("ip link set net0 mtu 1460 up");
    expect(seed["apply"]).toContain("ip address replace 10.10.0.2/24 dev net0");
    expect(seed["apply"]).toContain("default via 10.10.0.1 dev net0");
    expect(seed["chrony.conf"]).toContain("server 10.10.0.1 ");
  });

  it("makes each cloud send the peer's range and the service address to the site's gateway", () => {
    const { apply } = networkSeed("wan");
    for (const route of [
      "10.20.0.0/24 via 10.10.0.2",
      "10.10.0.0/24 via 10.20.0.2",
      "10.0.0.100/32 via 10.10.0.2",
      "10.0.0.100/32 via 10.20.0.2",
    ]) {
      expect(apply).toContain(`route add ${route} dev br0`);
    }
  });

  it("translates each public address to its gateway and drops private ones on the Internet", () => {
    const seed = networkSeed("wan");
    expect(seed["vpc-la.nft"]).toContain("ip daddr 198.51.100.10 dnat to 10.10.0.2");
    expect(seed["vpc-sg.nft"]).toContain("ip saddr 10.20.0.2 snat to 203.0.113.10");
    for (const way of ["saddr", "daddr"]) {
      expect(seed["ocean.nft"]).toContain(
        `ip ${way} { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } counter name seen_private drop`,
      );
    }
  });
});
