import { createHash } from "node:crypto";
import fc from "fast-check";
import { ARTEFACT_CACHE } from "../../../components/host/artefacts";
import { generationOf } from "../../../components/host/installer";
import type { Manifest } from "../../../components/host/manifest";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "./manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const FILE = "/etc/frr/frr.conf";

let host: TemporaryHost;
beforeEach(() => (host = new TemporaryHost()));
afterEach(() => host.remove());

function withContent(content: string): Manifest {
  return manifest({ files: [{ path: FILE, content, mode: "0644" }] });
}

function remove(wanted: Manifest, owner = "owner") {
  return host.installer(`remove --component link --owner ${owner} --generation ${generationOf(wanted)}`);
}

describe("remove", () => {
  test("brings back files, links, settings and units as they were found", async () => {
    host.write(FILE, "the distribution's\n", 0o640);
    host.setSysctl("net.ipv4.ip_forward", "0");
    host.addUnit("frr.service", { enabled: false, active: true });
    const before = host.snapshot();
    const unitFile = "/etc/systemd/system/crossborder-gre.service";
    const wanted = manifest({
      files: [
        { path: FILE, content: "ours\n", mode: "0600" },
        { path: "/etc/crossborder/deep/er/link.json", content: "{}", mode: "0644" },
        { path: unitFile, content: "[Service]\n", mode: "0644" },
      ],
      sysctl: { "net.ipv4.ip_forward": "1" },
      units: [
        { name: "crossborder-gre.service", watches: [unitFile], onChange: "restart" },
        { name: "frr.service", watches: [FILE], onChange: "reload" },
      ],
      teardown: [{ name: "forgetting routes", argv: ["systemctl", "reload", "frr.service"] }],
    });
    report(await host.bootstrap("apply", wanted));
    report(await host.bootstrap("apply", { ...wanted, sysctl: {} }));
    host.calls(/./);
    report(await remove({ ...wanted, sysctl: {} }));
    expect(host.snapshot()).toEqual(before);
    expect(host.calls(/^systemctl (reload|stop|start|disable)/)).toEqual([
      "systemctl reload frr.service",
      "systemctl disable --no-reload frr.service",
      "systemctl stop frr.service",
      "systemctl disable --no-reload crossborder-gre.service",
      "systemctl stop crossborder-gre.service",
      "systemctl start frr.service",
    ]);
  });

  test("leaves no unit failed that had to be killed", async () => {
    host.addUnit("frr.service", { enabled: false, active: false });
    const wanted = {
      ...withContent("ours"),
      units: [{ name: "frr.service", watches: [FILE], onChange: "reload" as const }],
    };
    report(await host.bootstrap("apply", wanted));
    host.hook('[ "$1 $2" != "systemctl stop" ] || { mkdir -p failed && touch "failed/$3"; }');
    host.calls(/./);
    expect(report(await remove(wanted))).toMatchObject({
      actions: ["stop frr.service", "forget that frr.service failed"],
    });
    expect(host.calls(/^systemctl (stop|reset-failed)/)).toEqual([
      "systemctl stop frr.service",
      "systemctl reset-failed frr.service",
    ]);
  });

  test("keeps what another resource owns by now", async () => {
    report(await host.bootstrap("apply", withContent("a"), "old"));
    report(await host.bootstrap("apply", withContent("a"), "new"));
    expect(report(await remove(withContent("a"), "old"))).toMatchObject({ result: "kept" });
    expect(host.read(FILE)).toBe("a");
  });

  test("keeps what is newer than the generation that it names", async () => {
    report(await host.bootstrap("apply", withContent("a")));
    report(await host.bootstrap("apply", withContent("b")));
    expect(report(await remove(withContent("a")))).toMatchObject({ result: "kept" });
    expect(host.read(FILE)).toBe("b");
  });

  test("takes away an older one, and one that was installed once more", async () => {
    for (const content of ["a", "b", "a"]) report(await host.bootstrap("apply", withContent(content)));
    expect(report(await remove(withContent("b")))).toMatchObject({ result: "kept" });
    expect(report(await remove(withContent("a")))).toMatchObject({ result: "removed" });

    report(await host.bootstrap("apply", withContent("a")));
    report(await host.bootstrap("stage", withContent("b")));
    expect(report(await remove(withContent("b")))).toMatchObject({ result: "removed" });
    expect(host.exists(FILE)).toBe(false);
  });

  test("leaves other components and a directory that others use alone", async () => {
    report(await host.bootstrap("apply", withContent("a")));
    const other = {
      ...manifest({ files: [{ path: "/etc/probe", content: "", mode: "0644" }] }),
      component: "probe",
    };
    report(await host.bootstrap("apply", other));
    host.write("/etc/frr/vtysh.conf", "the operator's");
    report(await remove(withContent("a")));
    expect(host.exists("/etc/probe") && host.exists("/etc/frr/vtysh.conf")).toBe(true);
    expect(host.exists(FILE)).toBe(false);
    expect(report(await host.installer("status"))).toMatchObject({ probe: { number: 1 } });
  });

  test("succeeds where nothing is installed", async () => {
    report(await host.bootstrap("apply", { ...withContent("a"), component: "probe" }));
    expect(report(await remove(withContent("a")))).toMatchObject({ result: "nothing installed" });
  });
});

describe("any sequence of generations, removed,", () => {
  const paths = ["/etc/a", "/etc/x/b", "/etc/x/y/c", "/srv/d", "/etc/systemd/system/u1.service"];
  const file = fc.record({
    path: fc.constantFrom(...paths),
    content: fc.string({ maxLength: 8 }),
    mode: fc.constantFrom("0600", "0640", "0755"),
  });
  const downloads = ["a", "b"].map((content) => {
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { content, artefact: { name: "envoy", version: content, url: "https://localhost:1/", sha256 } };
  });
  const generation = fc
    .record({
      artefacts: fc.subarray(downloads.map(({ artefact }) => artefact)),
      files: fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 5 }),
      sysctl: fc.dictionary(fc.constantFrom("s1", "s2"), fc.constantFrom("0", "1", "2"), { maxKeys: 2 }),
      foreign: fc.boolean(),
      breaks: fc.boolean(),
    })
    .map(({ artefacts, files, sysctl, foreign, breaks }) => {
      const own = files.filter(({ path }) => path.endsWith(".service")).map(({ path }) => path);
      const names = [...own.map((path) => path.split("/").pop()!), ...(foreign ? ["u2.service"] : [])];
      const units = names.map((name) => ({ name, watches: own, onChange: "restart" as const }));
      return { wanted: manifest({ artefacts, files, sysctl, units }), breaks };
    });

  test("leaves the host byte for byte as it was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(generation, { minLength: 1, maxLength: 4 }), async (sequence) => {
        const one = new TemporaryHost();
        try {
          one.write("/etc/a", "found", 0o604);
          for (const { content, artefact } of downloads) {
            one.write(`${ARTEFACT_CACHE}/${artefact.sha256}`, content);
          }
          one.addUnit("u2.service", { enabled: false, active: true });
          for (const name of ["s1", "s2"]) one.setSysctl(name, "0");
          const before = one.snapshot();
          for (const { wanted, breaks } of sequence) {
            one.hook(breaks ? `case "$*" in "systemctl re"*|"systemctl start "*) false;; esac` : undefined);
            await one.bootstrap("apply", wanted);
            one.hook(undefined);
          }
          const last = generationOf(sequence[sequence.length - 1]!.wanted);
          if (one.exists("/usr/local/lib/crossborder/installer.py")) {
            report(await one.installer(`remove --component link --owner owner --generation ${last}`));
          }
          expect(one.snapshot()).toEqual(before);
        } finally {
          one.remove();
        }
      }),
      { numRuns: 12 },
    );
  }, 600_000);
});
