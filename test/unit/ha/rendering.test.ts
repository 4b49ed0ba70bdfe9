import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { renderAddressUnit } from "../../../components/ha/address";
import { agentConfiguration, agentUnit } from "../../../components/ha/agent";
import { renderDropIn, renderKeepalived } from "../../../components/ha/keepalived";
import { ownHeartbeats, takeoverSeconds, weightsFor } from "../../../components/ha/plan";
import { renderTable } from "../../../components/link/firewall/nftables";
import { renderDropIn as renderFrrDropIn, renderFrr } from "../../../components/link/routing/frr";
import { fromLa, fromSg, linkSettings } from "../link/fixtures";
import { haSettings, inputs } from "./fixtures";

const vip = { address: "10.0.0.100", ports: [5432, 8200] };
const firewall = { mtu: 1380, sshFrom: ["192.0.2.0/24"], sshPort: 22 };

test.each([
  ["keepalived of the primary", renderKeepalived(fromLa, haSettings(), ownHeartbeats)],
  [
    "keepalived of the secondary, sub-second",
    renderKeepalived(
      fromSg,
      haSettings({ advertIntervalSeconds: 0.3, virtualRouterId: 7, vip: "10.9.8.7" }),
      { fit: ["proxy", "database"], current: ["data"] },
    ),
  ],
  ["keepalived's drop-in", renderDropIn("10.0.0.100")],
  ["the address's unit", renderAddressUnit("10.0.0.100")],
  ["the agent's unit", agentUnit()],
  ["the agent's configuration", agentConfiguration(inputs(fromSg))],
  ["FRR with a service address", renderFrr(fromLa, linkSettings(), vip.address)],
  ["FRR's drop-in with a service address", renderFrrDropIn(fromLa, vip.address)],
  ["the firewall with a service address", renderTable(fromLa, { ...firewall, vip })],
])("%s", (_, file) => {
  expect(`# ${file.path} ${file.mode} ${file.owner ?? "root:root"}\n${file.content}`).toMatchSnapshot();
});

/** Lines of the firewall by their chains. */
function chains(content: string): Record<string, string[]> {
  const found = [...content.matchAll(/chain (\w+) \{\n([\s\S]*?)\n {2}\}/g)];
  return Object.fromEntries(
    found.map(([, name, body]) => [name!, body!.split("\n").map((line) => line.trim())]),
  );
}

describe("the firewall", () => {
  const without = chains(renderTable(fromLa, firewall).content);
  const having = chains(renderTable(fromLa, { ...firewall, vip }).content);
  const added = (chain: string) => having[chain]!.filter((line) => !without[chain]!.includes(line));

  test("admits VRRP on the link alone, from the peer's end to this one, over one hop", () => {
    const vrrp = Object.values(having)
      .flat()
      .filter((line) => line.includes("ip protocol 112"));
    expect(vrrp).toEqual([
      'iifname "gre1" ip saddr 10.255.0.2 ip daddr 10.255.0.1 ip protocol 112 ip ttl 255 accept',
    ]);
  });

  test("admits the address's own ports, from the site and over the link", () => {
    const accepted = added("input").filter((line) => line.includes("ip daddr 10.0.0.100"));
    expect(accepted).toHaveLength(2);
    for (const line of accepted) expect(line).toMatch(/tcp dport \{ 5432, 8200 \} accept$/);
  });

  test("refuses what would leave for the address by another way than the link, and what pretends to come from it", () => {
    expect(added("output")).toEqual([
      'ip daddr 10.0.0.100 oifname != { "lo", "gre1" } counter name private_clear_refused reject with icmp type admin-prohibited',
    ]);
    expect(added("forward")).toEqual([
      'ip daddr 10.0.0.100 oifname != "gre1" counter name private_clear_refused reject with icmp type admin-prohibited',
      'ip saddr 10.0.0.100 iifname != "gre1" drop',
    ]);
    expect(added("input")[0]).toBe('ip saddr 10.0.0.100 iifname != "gre1" drop');
    // Before the rule that lets answers pass.
    const spoofed = having["input"]!.indexOf(added("input")[0]!);
    expect(spoofed).toBeLessThan(
      having["input"]!.findIndex((line) => line.startsWith("ct state established")),
    );
  });
});

test("BGP announces the address while it is on the loopback, and both ends' filters admit it", () => {
  const { content } = renderFrr(fromLa, linkSettings(), vip.address);
  expect(content).toContain("  redistribute connected route-map vip\n");
  expect(content).toMatch(
    /route-map vip permit 10\n match interface lo\n match ip address prefix-list vip\n/,
  );
  for (const list of ["own", "peer", "vip"]) {
    expect(content).toMatch(new RegExp(`ip prefix-list ${list} seq \\d+ permit 10\\.0\\.0\\.100/32\\n`));
  }
});

describe("priorities", () => {
  const conf = (set: Record<string, unknown>) =>
    renderKeepalived(fromLa, haSettings(set), ownHeartbeats).content;

  test.each([
    [100, 90],
    [100, 95],
    [120, 100],
  ])("%i and %i keep their order whatever is found", (primary, secondary) => {
    const { behind, unfit, preferred, pinned } = weightsFor({ primary, secondary });
    // A primary that returns is below a secondary that serves, and one that can't serve below one whose data are old.
    expect(primary - behind).toBeLessThan(secondary);
    expect(primary - unfit).toBeLessThan(secondary - behind);
    // What is found on both sides leaves the order as it was, and nothing gets as low as what VRRP doesn't tell apart.
    expect(secondary - behind - unfit).toBeGreaterThan(0);
    // A switchover moves the address, until the site that it prefers is ill or behind.
    expect(secondary + preferred).toBeGreaterThan(primary);
    expect(secondary + preferred - behind).toBeLessThan(primary);
    // A pin moves it whatever is found.
    expect(secondary + pinned - behind - unfit).toBeGreaterThan(primary);
    expect(primary + pinned).toBeLessThanOrEqual(254);
  });

  test("no check is without a weight, or with one that could lead to FAULT, and the device can't either", () => {
    const content = conf({});
    const scripts = [...content.matchAll(/vrrp_script \w+ \{([^}]*)\}/g)].map(([, body]) => body!);
    expect(scripts).toHaveLength(2);
    for (const body of scripts) {
      expect(body).toMatch(/weight -\d+\n/);
      expect(body).toMatch(/fall 2\n {2}rise 3\n/);
      expect(body).toContain("init_fail");
    }
    expect(content).toContain("dont_track_primary");
    expect(content).not.toContain("track_interface");
  });

  test("both start as BACKUP, and a higher priority takes over", () => {
    for (const view of [fromLa, fromSg]) {
      const { content } = renderKeepalived(view, haSettings(), ownHeartbeats);
      expect(content).toContain("state BACKUP\n");
      expect(content).not.toContain("nopreempt");
    }
  });

  test("the takeover takes as long as RFC 5798 says", () => {
    expect(takeoverSeconds(haSettings())).toBeCloseTo(3.65, 2);
    expect(takeoverSeconds(haSettings({ advertIntervalSeconds: 0.3 }))).toBeCloseTo(1.09, 2);
  });
});

/** A device of this computer that VRRP could run on; the parser looks for it. */
const device = Object.entries(networkInterfaces()).find(([, addresses]) =>
  addresses?.some(({ internal }) => !internal),
)?.[0];
const keepalived = device && spawnSync("keepalived", ["--version"]).status === 0 ? test : test.skip;

keepalived.each([fromLa, fromSg])("keepalived's own parser reads the configuration", (view) => {
  const directory = mkdtempSync(join(tmpdir(), "crossborder-keepalived-"));
  try {
    const file = join(directory, "keepalived.conf");
    const { content } = renderKeepalived(view, haSettings({ advertIntervalSeconds: 0.25 }), ownHeartbeats);
    // The device and the scripts are the gateway's.
    const here = content
      .replace("interface gre1", `interface ${device}`)
      .replaceAll("/usr/local/lib/crossborder/ha/check.sh", "/bin/true")
      .replaceAll("/usr/local/lib/crossborder/ha/notify.sh", "/bin/true")
      .replaceAll("/run/crossborder-ha/", `${directory}/`);
    writeFileSync(file, here);
    const { status, stdout, stderr } = spawnSync("keepalived", ["--config-test", "--use-file", file], {
      encoding: "utf8",
    });
    expect([status, stdout + stderr]).toEqual([0, ""]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
