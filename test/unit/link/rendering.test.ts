import { renderTable, renderUnit as renderFirewallUnit } from "../../../components/link/firewall/nftables";
import { renderScript, renderUnit as renderGreUnit } from "../../../components/link/gre/device";
import { renderCharon, renderConnections, renderSecrets } from "../../../components/link/ipsec/swanctl";
import { renderDaemons, renderFrr } from "../../../components/link/routing/frr";
import { fromLa, fromSg, linkSettings } from "./fixtures";

const firewall = { mtu: 1380, sshFrom: ["192.0.2.0/24", "192.0.2.128/25"], sshPort: 22 };

test.each([
  ["firewall", renderTable(fromLa, firewall)],
  ["firewall's unit", renderFirewallUnit()],
  ["GRE script", renderScript(fromLa, 1380)],
  ["GRE unit", renderGreUnit()],
  ["charon's settings", renderCharon(linkSettings().ipsec)],
  ["the initiator's connection", renderConnections(fromLa, linkSettings().ipsec)],
  [
    "the responder's connection",
    renderConnections(fromSg, linkSettings({ ipsec: { profile: "cnsa" } }).ipsec),
  ],
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
