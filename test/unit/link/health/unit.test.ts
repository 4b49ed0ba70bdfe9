import {
  HEALTH_CONFIGURATION,
  renderHealth,
  type HealthInputs,
} from "../../../../components/link/health/unit";
import type { LinkEnd } from "../../../../components/link/ends";

const la: LinkEnd = {
  host: "la-gw1",
  site: "la",
  family: "debian",
  privateAddress: "10.10.0.2",
  publicAddress: "198.51.100.10",
  interface: "net0",
  cidr: "10.10.0.0/24",
  asn: 65010,
  linkAddress: "10.255.0.1",
  initiator: true,
};
const sg: LinkEnd = {
  ...la,
  host: "sg-gw1",
  site: "sg",
  privateAddress: "10.20.0.2",
  publicAddress: "203.0.113.10",
  cidr: "10.20.0.0/24",
  asn: 65020,
  linkAddress: "10.255.0.2",
  initiator: false,
};

const inputs: HealthInputs = {
  view: { local: sg, peer: la },
  link: { mtu: 1380, bfd: { intervalMs: 300, multiplier: 3 } },
  gate: { budgetMs: 100, lossLimitPercent: 1 },
  health: { intervalSeconds: 15, textfileDirectory: "/var/lib/prometheus/node-exporter" },
  webhook: "https://hooks.example/t0ken",
};

function file(path: string, from = inputs): string {
  return renderHealth(from).files.find((candidate) => candidate.path === path)!.content;
}

test("the configuration is private, and the webhook stands in no other file, unit or command", () => {
  const { files, units, teardown } = renderHealth(inputs);
  const holders = files.filter(({ content }) => content.includes("t0ken"));
  expect(holders.map(({ path, mode }) => [path, mode])).toEqual([[HEALTH_CONFIGURATION, "0600"]]);
  expect(JSON.stringify([units, teardown])).not.toContain("t0ken");
});

test("each end looks at its peer, under one name for the link", () => {
  const fromSg = JSON.parse(file(HEALTH_CONFIGURATION)) as Record<string, unknown>;
  expect(fromSg).toMatchObject({
    name: "la-sg",
    site: "sg",
    host: "sg-gw1",
    bfd: true,
    budgetMs: 100,
    lossLimitPercent: 1,
    metricsFile: "/var/lib/prometheus/node-exporter/crossborder_link.prom",
    webhook: "https://hooks.example/t0ken",
    link: { interface: "gre1", mtu: 1380, peerLinkAddress: "10.255.0.1", peerCidr: "10.10.0.0/24" },
  });
  const fromLa = { ...inputs, view: { local: la, peer: sg }, webhook: undefined };
  expect(JSON.parse(file(HEALTH_CONFIGURATION, fromLa))).toMatchObject({ name: "la-sg", webhook: null });
});

test("a link without BFD is probed without it", () => {
  const content = file(HEALTH_CONFIGURATION, { ...inputs, link: { mtu: 1380, bfd: "off" } });
  expect(JSON.parse(content)).toMatchObject({ bfd: false });
});

test("the timer's interval is the setting, and the timer, not the service, is what is enabled", () => {
  const timer = file("/etc/systemd/system/crossborder-link-health.timer", {
    ...inputs,
    health: { ...inputs.health, intervalSeconds: 60 },
  });
  expect(timer).toContain("OnUnitActiveSec=60s");
  expect(timer).toContain("WantedBy=timers.target");
  expect(file("/etc/systemd/system/crossborder-link-health.service")).not.toContain("[Install]");
  expect(renderHealth(inputs).units).toEqual([
    {
      name: "crossborder-link-health.timer",
      watches: expect.arrayContaining(["/etc/systemd/system/crossborder-link-health.timer"]),
      onChange: "restart",
    },
  ]);
});

test("the programs are those that measurements send", () => {
  const paths = renderHealth(inputs).files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      "/usr/local/lib/crossborder/link_probe.py",
      "/usr/local/lib/crossborder/link_health.py",
    ]),
  );
});

test("teardown stops the probe before it removes what the probe keeps", () => {
  const argvs = renderHealth(inputs).teardown.map(({ argv }) => argv);
  expect(argvs[0]!.slice(0, 2)).toEqual(["systemctl", "stop"]);
  expect(argvs[1]).toEqual([
    "rm",
    "-rf",
    "/var/lib/crossborder/health",
    "/var/lib/prometheus/node-exporter/crossborder_link.prom",
  ]);
});

test("a webhook in the clear is refused without repeating it", () => {
  const render = (): unknown => renderHealth({ ...inputs, webhook: "http://hooks.example/t0ken" });
  expect(render).toThrow("webhook: not an https URL");
  expect(render).not.toThrow("t0ken");
});
