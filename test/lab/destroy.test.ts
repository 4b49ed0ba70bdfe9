import type { Session } from "../../providers/ssh/session";
import { run } from "../../lab/sessions";
import { deployedLab } from "./support/deployed";
import { deploy, pulumi } from "./support/deployment";
import { type Lab, labTimeoutMs } from "./support/lab";

const minute = 60_000;

let l: Lab;
beforeAll(async () => void (l = await deployedLab("link")), labTimeoutMs);
afterAll(() => l.close());

/** What a host is like: its files, devices, routes, rules, kernel settings and units. */
function portrait(host: Session): Promise<string> {
  return run(
    host,
    `find /etc /usr/local /var/lib/crossborder -xdev ! -name '*-' ! -path '/etc/ssh/*' \\( -type f -o -type l \\) -printf '%p %m %u:%g %l\\n' 2>/dev/null | sort
     find /etc/frr /etc/swanctl /etc/strongswan.d /etc/sysctl.d /etc/keepalived /etc/postgresql -type f -exec sha256sum {} + | sort -k2
     ip -o link show | sed 's/.*: \\([a-z0-9@]*\\): .*/\\1/'; ip route show; ip route show table local; nft list tables; ip xfrm state count; ip xfrm policy count
     sysctl net.ipv4.ip_forward net.ipv4.conf.all.rp_filter net.ipv4.conf.all.accept_redirects net.ipv4.conf.all.send_redirects
     echo "tracks $(cat /proc/sys/net/netfilter/nf_conntrack_max)"
     for unit in frr strongswan keepalived postgresql postgresql@15-main crossborder-firewall crossborder-gre \\
         crossborder-link-health.timer crossborder-vip crossborder-ha crossborder-proxy crossborder-backup; do
       echo "$unit $(systemctl is-enabled $unit 2>/dev/null) $(systemctl is-active $unit)"
     done`,
  );
}

test(
  "destroy leaves the hosts as they were found",
  async () => {
    const destroy = () => pulumi(["destroy", "--yes", "--skip-preview"]);
    const first = await destroy();
    expect([first.status, first.status === 0 ? "" : first.output]).toEqual([0, ""]);
    const found = [await portrait(l.la), await portrait(l.sg)];
    expect(found[0]).not.toContain("crossborder-firewall.service");
    expect(found[0]).toContain("frr disabled inactive");
    // What the kernel gives to such a small machine, and less than the link needs.
    expect(found[0]).toContain("tracks 4096");
    await deploy();
    expect(await portrait(l.la)).not.toBe(found[0]);
    // Now and then charon hangs when it is told to end.
    await run(l.la, "pkill -STOP charon-systemd");
    expect((await destroy()).status).toBe(0);
    expect([await portrait(l.la), await portrait(l.sg)]).toEqual(found);
  },
  10 * minute,
);
