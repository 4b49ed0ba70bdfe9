import type { Service } from "../../../components/backup/service";
import { renderTable, renderUnit as renderFirewallUnit } from "../../../components/link/firewall/nftables";
import { renderScript, renderUnit as renderGreUnit } from "../../../components/link/gre/device";
import { renderCharon, renderConnections, renderSecrets } from "../../../components/link/ipsec/swanctl";
import { renderDropIn as renderIpsecDropIn } from "../../../components/link/ipsec/unit";
import { renderDaemons, renderFrr } from "../../../components/link/routing/frr";
import { services } from "../backup/fixtures";
import { fromLa, fromSg, linkSettings } from "./fixtures";

const firewall = { mtu: 1380, sshFrom: ["192.0.2.0/24", "192.0.2.128/25"], sshPort: 22 };

test.each([
  ["firewall", renderTable(fromLa, firewall)],
  ["firewall with the backup path", renderTable(fromLa, { ...firewall, backup: { port: 8443, services } })],
  ["firewall's unit", renderFirewallUnit("debian")],
  ["GRE script", renderScript(fromLa, 1380)],
  ["GRE unit", renderGreUnit()],
  ["charon's settings", renderCharon(linkSettings().ipsec)],
  ["the initiator's connection", renderConnections(fromLa, linkSettings().ipsec)],
  [
    "the responder's connection",
    renderConnections(fromSg, linkSettings({ ipsec: { profile: "cnsa" } }).ipsec),
  ],
  ["charon's drop-in", renderIpsecDropIn(fromLa)],
  ["keys in a rotation", renderSecrets(fromLa, { send: "bmV3", accept: ["b2xk"] })],
  ["FRR", renderFrr(fromLa, linkSettings())],
  ["FRR without BFD", renderFrr(fromSg, linkSettings({ bfd: "off" }))],
  ["FRR's daemons", renderDaemons()],
])("%s", (_, file) => {
  expect(`# ${file.path} ${file.mode} ${file.owner ?? "root:root"}\n${file.content}`).toMatchSnapshot();
});

test("files that hold keys are for root alone", () => {
  expect(renderSecrets(fromLa, { send: "a2V5", accept: [] }).mode).toBe("0600");
});

test("only one end starts IKE", () => {
  const start = /start_action = (.*)/;
  expect(renderConnections(fromLa, linkSettings().ipsec).content.match(start)?.[1]).toBe("trap|start");
  expect(renderConnections(fromSg, linkSettings().ipsec).content.match(start)?.[1]).toBe("none");
});

test("the backup path adds to what the firewall admits, and takes nothing from what it guards", () => {
  const lines = (backup?: { port: number; services: typeof services }) =>
    renderTable(fromSg, { ...firewall, backup }).content.split("\n");
  const without = lines();
  const added = lines({ port: 8443, services }).filter((line) => !without.includes(line));
  expect(added.map((line) => line.trim())).toEqual([
    'iifname "ens4" ip saddr 198.51.100.10 ip daddr 10.20.0.2 tcp dport 8443 accept',
    'iifname "gre1" ip saddr 10.255.0.1 ip daddr 10.20.0.2 tcp dport { 8443, 15432, 8300 } accept',
    'iifname "ens4" ip saddr 10.20.0.0/24 ip daddr 10.20.0.2 tcp dport { 8200 } accept',
  ]);
  expect(lines({ port: 8443, services }).filter((line) => !added.includes(line))).toEqual(without);
});

test("hosts of the site reach a site's service at the gateway's own address, whoever listens there", () => {
  const portsFor = (address: string) => {
    const endpoints = { sg: { address, port: 8200 } };
    const vault: Service = { name: "vault", localPort: 8300, listen: "site", endpoints };
    const { content } = renderTable(fromSg, { ...firewall, backup: { port: 8443, services: [vault] } });
    return /ip saddr 10\.20\.0\.0\/24 ip daddr 10\.20\.0\.2 tcp dport (.*) accept/.exec(content)?.[1];
  };
  expect([portsFor("10.20.0.2"), portsFor("10.20.0.30")]).toEqual(["{ 8200 }", "{ 8200 }"]);
});
