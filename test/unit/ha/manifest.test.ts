import { haManifest } from "../../../components/ha/manifest";
import { AGENT_CONFIGURATION } from "../../../components/ha/plan";
import { reader, testWebhook, webhook } from "../host/manifests";
import { fromLa, fromSg } from "../link/fixtures";
import { haSettings, inputs, served } from "./fixtures";

const manifest = haManifest(inputs(fromLa, { webhook }));
const paths = manifest.files.map(({ path }) => path);
const file = reader(manifest);

testWebhook(manifest, AGENT_CONFIGURATION);

test("units watch files of the manifest, and no path is written twice", () => {
  expect(new Set(paths).size).toBe(paths.length);
  const watched = manifest.units.map(({ watches }) => watches);
  expect(watched.filter((files) => files.length === 0)).toEqual([]);
  expect(watched.flat().filter((path) => !paths.includes(path))).toEqual([]);
});

test("every program that a file of the manifest runs is in it, and can be run", () => {
  const programs = /\/usr\/local\/lib\/crossborder\/ha\/[a-z_]+\.(?:py|sh)/g;
  const named = manifest.files.flatMap(({ content }) => content.match(programs) ?? []);
  expect(new Set(named)).toEqual(
    new Set(["check.sh", "notify.sh", "ha_agent.py"].map((name) => `/usr/local/lib/crossborder/ha/${name}`)),
  );
  for (const path of named) {
    expect(manifest.files.find((candidate) => candidate.path === path)!.mode).toBe("0755");
  }
  const [script] = file("/usr/local/lib/crossborder/ha/notify.sh").split("\n");
  expect(script).toBe("#!/bin/sh");
});

test("the address is accepted first, then the agent is there that keepalived tells, and keepalived at last", () => {
  expect([...new Set(manifest.units.map(({ name }) => name))]).toEqual([
    "crossborder-vip.service",
    "crossborder-ha.service",
    "keepalived.service",
  ]);
});

test("a change of keepalived's configuration is read without giving the address up", () => {
  const entry = manifest.units.find(({ watches }) => watches.includes("/etc/keepalived/keepalived.conf"))!;
  expect(entry.onChange).toBe("reload");
  // A change of the policy, or of what is served, doesn't reach keepalived at all.
  const other = haManifest(
    inputs(fromLa, { ha: haSettings({ policy: "primary-only" }), services: served.slice(0, 1) }),
  );
  const changed = paths.filter((path) => path !== AGENT_CONFIGURATION && file(path, other) !== file(path));
  // The webhook is in the agent's configuration alone.
  expect(changed).toEqual([]);
});

test("keepalived's own parser reads the staged configuration with the staged scripts", () => {
  const [check] = manifest.checks;
  expect(manifest.checks).toHaveLength(1);
  expect(check!.argv.at(-1)).toBe("{stage}");
  const script = check!.argv[2]!;
  expect(script).toContain("keepalived --config-test --use-file");
  expect(script).toContain('sed "s#/usr/local/lib/crossborder/ha/#$1&#" "$1/etc/keepalived/keepalived.conf"');
});

test("both are ready, and verified, by what the agent sees", () => {
  const argv = ["python3", "/usr/local/lib/crossborder/ha/ha_agent.py", "ready", AGENT_CONFIGURATION];
  expect(manifest.confirm).toEqual({ settle: [], ready: [{ name: "the pair", argv }] });
  expect(manifest.verify.map((command) => command.argv)).toEqual([argv]);
});

test("removal stops what writes before it removes what was written, the decisions by hand too", () => {
  expect(manifest.teardown.map(({ argv }) => argv)).toEqual([
    ["systemctl", "stop", "keepalived.service", "crossborder-ha.service"],
    [
      "rm",
      "-rf",
      "/run/crossborder-ha",
      "/var/lib/crossborder/ha-pin",
      "/var/lib/prometheus/node-exporter/crossborder_ha.prom",
    ],
  ]);
});

test("heartbeats of others count beside the proxy's, and in the place of the link's age", () => {
  const conf = (heartbeats: object) =>
    file("/etc/keepalived/keepalived.conf", haManifest({ ...inputs(fromSg), heartbeats }));
  const all = conf({ fit: ["database"], current: ["data"] });
  expect(all).toContain(
    'check.sh 5 /run/crossborder-ha/heartbeats/proxy /run/crossborder-ha/heartbeats/database"',
  );
  expect(all).toContain('check.sh 5 /run/crossborder-ha/heartbeats/data"');
  expect(conf({})).toContain('check.sh 5 /run/crossborder-ha/heartbeats/link"');
});
