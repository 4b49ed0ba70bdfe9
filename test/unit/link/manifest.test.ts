import { linkManifest, type LinkInputs } from "../../../components/link/manifest";
import { fromLa, fromSg, linkSettings } from "./fixtures";

const secrets = ["c2VudC1rZXk=", "YWNjZXB0ZWQta2V5", "https://hooks.example.com/a-token"];

function manifest(set: Partial<LinkInputs> = {}) {
  return linkManifest({
    view: fromLa,
    link: linkSettings(),
    keys: { send: secrets[0]!, accept: [secrets[1]!] },
    sshFrom: ["192.0.2.0/24"],
    sshPort: 22,
    gate: { budgetMs: 190, lossLimitPercent: 1 },
    health: { intervalSeconds: 15, textfileDirectory: "/var/lib/prometheus/node-exporter" },
    webhook: secrets[2],
    ...set,
  });
}

const paths = manifest().files.map(({ path }) => path);

test.each(secrets)("%s is in files for root alone and nowhere else in the manifest", (secret) => {
  const { files, ...rest } = manifest();
  const holders = files.filter(({ content }) => content.includes(secret));
  expect(holders).toHaveLength(1);
  expect(holders.map(({ mode, owner }) => [mode, owner ?? "root:root"])).toEqual([["0600", "root:root"]]);
  expect(JSON.stringify(rest)).not.toContain(secret);
});

test("no path is written twice", () => {
  expect(new Set(paths).size).toBe(paths.length);
});

test("units watch files of the manifest, each at least one", () => {
  const watched = manifest().units.map(({ watches }) => watches);
  expect(watched.filter((files) => files.length === 0)).toEqual([]);
  expect(watched.flat().filter((path) => !paths.includes(path))).toEqual([]);
});

test("every unit that the manifest ships is brought to its state", () => {
  const shipped = paths
    .filter((path) => path.startsWith("/etc/systemd/system/") && !path.includes(".d/"))
    .map((path) => path.split("/").at(-1)!);
  const managed = manifest().units.map(({ name }) => name);
  // A timer starts its service; nobody enables that one.
  const started = shipped.filter((name) => !managed.includes(name.replace(/\.service$/, ".timer")));
  expect(started.filter((name) => !managed.includes(name))).toEqual([]);
});

test("what FRR leaves in the kernel goes with it, however it ended", () => {
  const dropIn = manifest().files.find(
    ({ path }) => path === "/etc/systemd/system/frr.service.d/crossborder.conf",
  );
  expect(dropIn!.content).toContain("ExecStopPost=-/usr/bin/env ip -4 route del 10.20.0.0/24 proto bgp\n");
});

test("checks read files of the stage that the manifest has, and nothing of the live system", () => {
  const argument = manifest().checks.map(({ argv }) => argv.filter((word) => word.includes("/")));
  expect(argument.length).toBeGreaterThan(0);
  for (const words of argument) {
    expect(words).toHaveLength(1);
    expect(words[0]).toMatch(/^\{stage\}\//);
    expect(paths).toContain(words[0]!.slice("{stage}".length));
  }
});

test("the guard comes up first, then the device, encryption, routing, and what looks at them", () => {
  const order = manifest().units.map(({ name }) => name);
  expect([...new Set(order)]).toEqual([
    "crossborder-firewall.service",
    "crossborder-gre.service",
    "strongswan.service",
    "frr.service",
    "crossborder-link-health.timer",
  ]);
});

test("the initiator alone settles, with a program of the manifest; both ends have conditions for being ready", () => {
  const initiator = manifest().confirm!;
  const responder = manifest({ view: fromSg }).confirm!;
  expect(initiator.settle).toHaveLength(1);
  expect(responder.settle).toEqual([]);
  const programs = [...initiator.settle, ...initiator.ready].map(({ argv }) => argv[1]);
  expect(programs.filter((path) => !paths.includes(path!))).toEqual([]);
  expect(initiator.ready.map(({ argv }) => argv.slice(2))).toEqual([["10.255.0.2", "bfd"]]);
  expect(responder.ready.map(({ argv }) => argv.slice(2))).toEqual([["10.255.0.1", "bfd"]]);
});

test("without BFD, being ready means BGP", () => {
  const { ready } = manifest({ link: linkSettings({ bfd: "off" }) }).confirm!;
  expect(ready.map(({ argv }) => argv.at(-1))).toEqual(["bgp"]);
});
