import { generationOf } from "../../../components/host/installer";
import type { Manifest } from "../../../components/host/manifest";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "./manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const ROUTES = "/etc/frr/frr.conf";
const KEYS = "/etc/swanctl/conf.d/link.conf";
const PSK = "c2VjcmV0LXByZS1zaGFyZWQta2V5LW9mLXRoZS1saW5r";

let host: TemporaryHost;
beforeEach(() => {
  host = new TemporaryHost();
  host.addUnit("frr.service", { enabled: false, active: false });
  host.addUnit("strongswan.service", { enabled: true, active: true });
  host.setSysctl("net.ipv4.ip_forward", "0");
});
afterEach(() => host.remove());

function link(parts: { routes?: string; keys?: string } & Partial<Manifest> = {}): Manifest {
  const { routes, keys, ...rest } = parts;
  return manifest({
    files: [
      { path: ROUTES, content: routes ?? "router bgp 65010\n", mode: "0644" },
      { path: KEYS, content: keys ?? `secret = "${PSK}"\n`, mode: "0600" },
    ],
    sysctl: { "net.ipv4.ip_forward": "1" },
    units: [
      { name: "strongswan.service", watches: [KEYS], onChange: "reload" },
      { name: "frr.service", watches: [ROUTES], onChange: "restart" },
    ],
    ...rest,
  });
}

async function apply(wanted: Manifest, owner?: string) {
  return report(await host.bootstrap("apply", wanted, owner));
}

describe("apply", () => {
  test("writes files with their modes, sets sysctl, enables and starts units", async () => {
    const result = await apply(link());
    expect(result).toMatchObject({ result: "changed", component: "link", number: 1, pending: false });
    expect(host.read(ROUTES)).toBe("router bgp 65010\n");
    expect(host.mode(ROUTES)).toBe(0o644);
    expect(host.mode(KEYS)).toBe(0o600);
    expect(host.sysctl("net.ipv4.ip_forward")).toBe("1");
    expect(host.read("/etc/sysctl.d/90-crossborder-link.conf")).toBe("net.ipv4.ip_forward = 1\n");
    expect(host.isEnabled("frr.service") && host.isActive("frr.service")).toBe(true);
    expect(host.calls(/^systemctl (enable|start|reload|restart)/)).toEqual([
      "systemctl enable --no-reload frr.service",
      "systemctl reload strongswan.service",
      "systemctl start frr.service",
    ]);
  });

  test("keeps its records, which hold secrets, from everybody else", async () => {
    await apply(link());
    expect(host.mode("/var/lib/crossborder/link")).toBe(0o700);
    expect(host.mode("/var/lib/crossborder/link/state.json")).toBe(0o600);
    const generation = `/var/lib/crossborder/link/generations/0001-${generationOf(link())}`;
    expect(host.mode(`${generation}/manifest.json`)).toBe(0o600);
    expect(host.mode(`${generation}/root${KEYS}`)).toBe(0o600);
  });

  test("does nothing when the host agrees already", async () => {
    await apply(link());
    host.calls(/./);
    const result = await apply(link());
    expect(result).toMatchObject({ result: "unchanged", number: 1 });
    expect(host.calls(/^systemctl (?!show|is-enabled)|^sysctl -q|^dpkg|^apt/)).toEqual([]);
  });

  test("acts only on the units that watch what changed", async () => {
    await apply(link());
    host.calls(/./);
    const result = await apply(link({ routes: "router bgp 65011\n" }));
    expect(result).toMatchObject({ result: "changed", number: 2, files: [ROUTES] });
    expect(host.calls(/^systemctl (?!show|is-enabled)/)).toEqual(["systemctl restart frr.service"]);
  });

  test("tells a unit that a file which it watched has gone", async () => {
    await apply(link());
    host.calls(/./);
    const next = link();
    await apply({
      ...next,
      files: next.files.filter((file) => file.path !== KEYS),
      units: next.units.map((unit) => ({ ...unit, watches: unit.watches.filter((path) => path !== KEYS) })),
    });
    expect(host.exists(KEYS)).toBe(false);
    expect(host.calls(/^systemctl (?!show|is-enabled)/)).toEqual(["systemctl reload strongswan.service"]);
  });

  test("of several entries of one unit, only those that watch what changed act, and none after a restart", async () => {
    const daemons = "/etc/frr/daemons";
    const routing = (on: string, routes: string): Manifest =>
      manifest({
        files: [
          { path: daemons, content: on, mode: "0644" },
          { path: ROUTES, content: routes, mode: "0644" },
        ],
        units: [
          { name: "frr.service", watches: [daemons], onChange: "restart" },
          { name: "frr.service", watches: [ROUTES], onChange: "reload" },
        ],
      });
    const acts = async (on: string, routes: string): Promise<string[]> => {
      await apply(routing(on, routes));
      return host.calls(/^systemctl (start|restart|reload)/);
    };
    expect(await acts("bgpd=yes", "one")).toEqual(["systemctl start frr.service"]);
    expect(await acts("bgpd=yes", "two")).toEqual(["systemctl reload frr.service"]);
    expect(await acts("bgpd=no", "two")).toEqual(["systemctl restart frr.service"]);
    expect(await acts("bgpd=yes", "three")).toEqual(["systemctl restart frr.service"]);
  });

  test("runs a unit's own command instead of a reload, and reloads systemd when a unit file changed", async () => {
    const unitFile = "/etc/systemd/system/crossborder-gre.service";
    const withUnit = (content: string): Manifest =>
      manifest({
        files: [{ path: unitFile, content, mode: "0644" }],
        units: [
          {
            name: "crossborder-gre.service",
            watches: [unitFile],
            onChange: { name: "moving the device", argv: ["systemctl", "reload", "crossborder-gre.service"] },
          },
        ],
      });
    await apply(withUnit("[Service]\n"));
    expect(host.calls(/^systemctl (?!show|is-enabled)/)).toEqual([
      "systemctl daemon-reload",
      "systemctl enable --no-reload crossborder-gre.service",
      "systemctl start crossborder-gre.service",
    ]);
    await apply(withUnit("[Service]\nType=oneshot\n"));
    expect(host.calls(/^systemctl (?!show|is-enabled)/)).toEqual([
      "systemctl daemon-reload",
      "systemctl reload crossborder-gre.service",
    ]);
  });

  test("repairs what drifted", async () => {
    await apply(link());
    host.write(ROUTES, "tampered\n");
    host.kill("strongswan.service");
    host.setSysctl("net.ipv4.ip_forward", "0");
    expect(await apply(link())).toMatchObject({ result: "repaired", number: 1, files: [ROUTES] });
    expect(host.read(ROUTES)).toBe("router bgp 65010\n");
    expect(host.isActive("strongswan.service")).toBe(true);
    expect(host.sysctl("net.ipv4.ip_forward")).toBe("1");
  });

  test("stays readable for Python 3.6", async () => {
    const check = `python3 -c 'import ast,sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3,6))' `;
    expect((await host.exec(`${check} components/host/installer.py`)).stderr).toBe("");
  });
});

describe("packages", () => {
  test("that are there are left alone, without a look at the network", async () => {
    host.addPackage("frr");
    await apply(link({ packages: ["frr"] }));
    expect(host.calls(/^apt-get/)).toEqual([]);
  });

  test("that are missing are installed, with fresh lists where needed, and their daemons wait for their files", async () => {
    const wanted = manifest({
      packages: ["keepalived"],
      units: [{ name: "keepalived.service", watches: [], onChange: "restart" }],
    });
    report(await host.bootstrap("stage", wanted));
    expect(host.calls(/^apt-get/).map((line) => line.split(" ")[1])).toEqual([
      "install",
      "update",
      "install",
    ]);
    expect(host.isActive("keepalived.service") || host.isEnabled("keepalived.service")).toBe(false);
    await apply(wanted);
    expect(host.isActive("keepalived.service") && host.isEnabled("keepalived.service")).toBe(true);
  });
});

describe("a generation that does not work", () => {
  const badCheck = { name: "frr.conf parses", argv: ["grep", "-q", "no such line", `{stage}${ROUTES}`] };

  test("is refused by its check with the host left exactly as it was", async () => {
    const before = host.snapshot();
    const failed = await host.bootstrap("apply", link({ checks: [badCheck] }));
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("link: check 'frr.conf parses' failed");
    expect(host.snapshot()).toEqual(before);

    await apply(link());
    const installed = host.snapshot();
    expect((await host.bootstrap("apply", link({ routes: "x", checks: [badCheck] }))).status).toBe(1);
    expect(host.snapshot()).toEqual(installed);
  });

  test("is checked where it is staged", async () => {
    const wanted = link({
      checks: [{ name: "names the AS", argv: ["grep", "-q", "bgp 65010", `{stage}${ROUTES}`] }],
    });
    expect(await apply(wanted)).toMatchObject({ result: "changed" });
  });

  test("never shows a secret in its message", async () => {
    const leaky = { name: "leaky", argv: ["sh", "-c", `cat {stage}${KEYS}; exit 1`] };
    const failed = await host.bootstrap("apply", link({ checks: [leaky] }));
    expect(failed.stderr).toContain("leaky");
    expect(failed.stderr + failed.stdout).not.toContain(PSK);
  });

  test("whose reload fails is put back, and the units run with the old files again", async () => {
    await apply(link());
    const before = host.snapshot();
    host.calls(/./);
    host.hook(
      `[ "$2" != reload ] || [ -e failed ] || { touch failed; echo "no such proposal" >&2; exit 1; }`,
    );
    const failed = await host.bootstrap(
      "apply",
      link({ keys: "psk = other\n", routes: "router bgp 65011\n" }),
    );
    host.hook(undefined);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(
      /systemctl reload strongswan.service failed: no such proposal; generation 1 is back/,
    );
    expect(failed.stderr).toContain(ROUTES);
    for (const path of [ROUTES, KEYS]) expect(host.read(path)).toBe(before[path]?.split(/(?<=:\d+) /)[1]);
    expect(host.calls(/^systemctl re/)).toEqual([
      "systemctl reload strongswan.service",
      "systemctl reload strongswan.service",
      "systemctl restart frr.service",
    ]);
    expect(report(await host.installer("status"))).toMatchObject({
      link: { number: 1, pending: null, rolledBack: { number: 2 }, interrupted: false },
    });
  });

  test("whose unit fails tells what the unit said last, without a secret", async () => {
    host.says("frr.service", `reading\npassword ${PSK} is refused\ndatabase 3 is wrong\n`);
    host.hook(
      `[ "$*" != "systemctl start frr.service" ] || { echo "See journalctl for details." >&2; false; }`,
    );
    // What stands beside a secret is none where everybody may read it elsewhere.
    const manifest = link({ keys: `psk = ${PSK} of database\n` });
    const readable = { path: "/etc/note", content: "database", mode: "0644" };
    const failed = await host.bootstrap("apply", { ...manifest, files: [...manifest.files, readable] });
    expect(failed.stderr).toContain(
      "systemctl start frr.service failed: reading; password *** is refused; database 3 is wrong; what was there before",
    );
    expect(host.calls(/^journalctl .*frr/)).toEqual([
      expect.stringMatching(
        /^journalctl --quiet --no-pager --output=cat --lines=3 --since=@\d+ _SYSTEMD_UNIT=frr.service$/,
      ),
    ]);
  });

  test("whose unit ends after its start tells what the unit said last", async () => {
    host.says("frr.service", "no more memory\n");
    host.hook(`[ "$2" != show ] || rm -f active/frr.service`);
    const failed = await host.bootstrap("apply", link());
    expect(failed.stderr).toContain("frr.service is not running after it was started: no more memory; what");
  });

  test("on a host that had nothing before is put back to that, with nothing left behind", async () => {
    host.write(ROUTES, "the distribution's\n", 0o640);
    const before = host.snapshot();
    host.hook(`[ "$*" != "systemctl start frr.service" ]`);
    const failed = await host.bootstrap("apply", link());
    host.hook(undefined);
    expect(failed.stderr).toContain("what was there before is back");
    expect(host.snapshot()).toEqual(before);
  });

  test("whose files cannot all be written is put back", async () => {
    await apply(link());
    host.write("/etc/blocked", "a file");
    const before = host.read(ROUTES);
    const wanted = link({ routes: "router bgp 65012\n" });
    const failed = await host.bootstrap("apply", {
      ...wanted,
      files: [...wanted.files, { path: "/etc/blocked/below", content: "", mode: "0644" }],
    });
    expect(failed.status).toBe(1);
    expect(host.read(ROUTES)).toBe(before);
    expect(host.read("/etc/blocked")).toBe("a file");
  });

  test("is refused when its manifest is wrong, with all that is wrong", async () => {
    const failed = await host.bootstrap(
      "apply",
      manifest({
        files: [{ path: "/etc/../x", content: "", mode: "644" }],
        units: [{ name: "frr.service", watches: ["/etc/unknown"], onChange: "reload" }],
      }),
    );
    expect(failed.stderr).toMatch(/not absolute and normal.*four octal digits.*watches \/etc\/unknown/);
  });
});
