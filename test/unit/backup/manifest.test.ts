import { backupManifest } from "../../../components/backup/manifest";
import { KEEPER_CONFIGURATION, PROXY_UNIT, TLS_GROUP } from "../../../components/backup/unit";
import { ENVOY, programAt } from "../../../components/host/artefacts";
import { reader, testWebhook, webhook } from "../host/manifests";
import { fromLa, fromSg } from "../link/fixtures";
import { inputs } from "./fixtures";

const manifest = backupManifest(inputs(fromLa, { webhook }));
const paths = manifest.files.map(({ path }) => path);
const file = reader(manifest);

testWebhook(manifest, KEEPER_CONFIGURATION);

test("no file holds a key; the proxy reads it by its group", () => {
  expect(JSON.stringify(manifest)).not.toContain("PRIVATE KEY");
  expect(file(`/etc/systemd/system/${PROXY_UNIT}`)).toContain(`SupplementaryGroups=${TLS_GROUP}\n`);
});

test("units watch files of the manifest, and no path is written twice", () => {
  expect(new Set(paths).size).toBe(paths.length);
  const watched = manifest.units.flatMap(({ watches }) => watches);
  expect(watched.filter((path) => !paths.includes(path))).toEqual([]);
});

test("a change of services doesn't restart the proxy", () => {
  const onlyPostgres = backupManifest(inputs(fromLa, { webhook, services: inputs().services.slice(0, 1) }));
  const proxy = manifest.units.find(({ name }) => name === PROXY_UNIT)!;
  expect(proxy.watches.length).toBeGreaterThan(0);
  for (const path of proxy.watches) expect(file(path, onlyPostgres)).toBe(file(path));
  expect(onlyPostgres.files).not.toEqual(manifest.files);
});

test("Envoy is a pinned artefact, checks the staged configuration itself, and is what the unit runs", () => {
  expect(manifest.artefacts).toEqual([ENVOY]);
  const [check] = manifest.checks;
  expect(check!.argv.slice(0, 3)).toEqual([programAt(ENVOY), "--mode", "validate"]);
  const staged = check!.argv.at(-1)!;
  expect(staged).toMatch(/^\{stage\}\//);
  expect(paths).toContain(staged.slice("{stage}".length));
  expect(file(`/etc/systemd/system/${PROXY_UNIT}`)).toContain(`ExecStart=${programAt(ENVOY)} -c /etc/`);
});

test("the proxy starts before its keeper, and the keeper stops before what it keeps is removed", () => {
  expect(manifest.units.map(({ name }) => name)).toEqual([
    "crossborder-proxy.service",
    "crossborder-backup.service",
  ]);
  expect(manifest.teardown.map(({ argv }) => argv.slice(0, 2))).toEqual([
    ["systemctl", "stop"],
    ["rm", "-rf"],
  ]);
});

test("each end's keeper watches the services that its site uses, under one name for the link", () => {
  const configuration = (view: typeof fromLa) =>
    JSON.parse(file(KEEPER_CONFIGURATION, backupManifest(inputs(view)))) as Record<string, unknown>;
  expect(configuration(fromLa)).toMatchObject({
    name: "la-sg",
    site: "la",
    host: "la-gw1",
    services: [
      { name: "postgres", cluster: "peer-postgres" },
      { name: "vault", cluster: "peer-vault" },
    ],
    drainSeconds: 300,
    hold: { windowSeconds: 60, firstSeconds: 60, maxSeconds: 900 },
    metricsFile: "/var/lib/prometheus/node-exporter/crossborder_backup.prom",
    webhook: null,
  });
  expect(configuration(fromSg)).toMatchObject({
    name: "la-sg",
    site: "sg",
    services: [{ name: "postgres", cluster: "peer-postgres" }],
  });
});

test("units", () => {
  for (const { name } of manifest.units) expect(file(`/etc/systemd/system/${name}`)).toMatchSnapshot(name);
});
