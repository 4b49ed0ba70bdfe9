import type { Manifest } from "../../../components/host/manifest";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "./manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const PROGRAM = "/usr/local/lib/crossborder/gre";
const REPOSITORY = "/etc/yum.repos.d/crossborder-epel.repo";
const FIREWALL = "firewalld.service";

let host: TemporaryHost;
beforeEach(() => {
  host = new TemporaryHost("redHat");
  host.addUnit("gre.service", { enabled: false, active: false });
});
afterEach(() => host.remove());

function link(parts: Partial<Manifest> = {}): Manifest {
  return manifest({
    repositories: [{ path: REPOSITORY, content: "[crossborder-epel]\n", mode: "0644" }],
    packages: ["strongswan", "frr"],
    files: [{ path: PROGRAM, content: "#!/bin/sh\n", mode: "0755" }],
    labels: [{ pattern: "/usr/local/lib/crossborder(/.*)?", type: "bin_t" }],
    conflicts: [FIREWALL],
    units: [{ name: "gre.service", watches: [PROGRAM], onChange: "restart" }],
    ...parts,
  });
}

const apply = async (wanted = link()) => report(await host.bootstrap("apply", wanted));

test("the repository is there before packages are installed from it, with its lists", async () => {
  host.hook(`[ "$1" != dnf ] || [ -e "$CROSSBORDER_ROOT${REPOSITORY}" ]`);
  await apply();
  expect(host.calls(/^(rpm|dnf|apt-get|dpkg)/)).toEqual([
    "rpm -q --whatprovides strongswan",
    "rpm -q --whatprovides frr",
    "dnf install -y strongswan frr",
    "dnf makecache",
    "dnf install -y strongswan frr",
  ]);
  await apply(link({ files: [{ path: PROGRAM, content: "#!/bin/sh\ntrue\n", mode: "0755" }] }));
  expect(host.calls(/^dnf/)).toEqual([]);
});

test("repositories stay when the component goes, as its packages do", async () => {
  await apply();
  const { generation } = report(await host.installer("verify --component link"));
  report(await host.installer(`remove --component link --owner owner --generation ${String(generation)}`));
  expect(host.exists(PROGRAM)).toBe(false);
  expect(host.read(REPOSITORY)).toBe("[crossborder-epel]\n");
});

test("another firewall stops before the units start, and comes back when the component goes", async () => {
  host.addUnit(FIREWALL, { enabled: true, active: true });
  await apply();
  expect(host.isActive(FIREWALL) || host.isEnabled(FIREWALL)).toBe(false);
  expect(host.calls(/^systemctl (stop|start)/)).toEqual([
    `systemctl stop ${FIREWALL}`,
    "systemctl start gre.service",
  ]);
  expect(await apply()).toMatchObject({ result: "unchanged" });

  const { generation, drifts } = report(await host.installer("verify --component link"));
  expect(drifts).toEqual([]);
  report(await host.installer(`remove --component link --owner owner --generation ${String(generation)}`));
  expect(host.isActive(FIREWALL) && host.isEnabled(FIREWALL)).toBe(true);
});

test("another firewall that somebody starts is drift, and stops again", async () => {
  host.addUnit(FIREWALL, { enabled: false, active: true });
  await apply();
  host.addUnit(FIREWALL, { enabled: false, active: true });
  expect(report(await host.installer("verify --component link"))).toMatchObject({
    drifts: [{ kind: "unit", subject: FIREWALL, detail: "must not run beside this component" }],
  });
  await apply();
  expect(host.isActive(FIREWALL)).toBe(false);
});

test("a host without the other firewall needs none", async () => {
  await apply();
  expect(host.calls(/^systemctl (stop|disable)/)).toEqual([]);
  expect(report(await host.installer("verify --component link"))).toMatchObject({ drifts: [] });
});

test("a change that fails brings the other firewall back", async () => {
  host.addUnit(FIREWALL, { enabled: true, active: true });
  host.hook('[ "$1 $2 $3" != "systemctl start gre.service" ]');
  expect((await host.bootstrap("apply", link())).status).not.toBe(0);
  host.hook(undefined);
  expect(host.isActive(FIREWALL) && host.isEnabled(FIREWALL)).toBe(true);
});

test("where SELinux is on, it is told once what the programs are, and labels what is written", async () => {
  host.write("/sys/fs/selinux/enforce", "1");
  await apply();
  expect(host.calls(/^(semanage|restorecon)/)).toEqual([
    "semanage fcontext -a -t bin_t /usr/local/lib/crossborder(/.*)?",
    `restorecon -F ${host.root}${PROGRAM} ${host.root}/usr/local/lib/crossborder`,
  ]);
  await apply(link({ files: [{ path: PROGRAM, content: "#!/bin/sh\ntrue\n", mode: "0755" }] }));
  expect(host.calls(/^(semanage|restorecon)/)).toEqual([
    `restorecon -F ${host.root}${PROGRAM} ${host.root}/usr/local/lib/crossborder`,
  ]);
});

test("without SELinux nothing is labelled", async () => {
  await apply();
  expect(host.calls(/^(semanage|restorecon)/)).toEqual([]);
});

test("labels, conflicts and repositories that are none are refused", async () => {
  const refused = await host.bootstrap(
    "apply",
    link({
      labels: [{ pattern: "etc", type: "bin_t" }],
      conflicts: ["--now"],
      repositories: [{ path: "relative", content: "", mode: "0644" }],
    }),
  );
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain("unit name '--now' is not one of systemd's");
  expect(refused.stderr).toContain("is no pattern of paths with a type");
  expect(refused.stderr).toContain("file path 'relative' is not absolute and normal");
});
