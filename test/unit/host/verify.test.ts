import { generationOf } from "../../../components/host/installer";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "./manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const SECRET = "a-secret-of-thirty-two-characters";
const wanted = manifest({
  files: [
    { path: "/etc/a", content: "a", mode: "0644" },
    { path: "/etc/b", content: `psk = ${SECRET}`, mode: "0600" },
    { path: "/etc/c", content: "c", mode: "0644" },
  ],
  sysctl: { s: "1" },
  units: [{ name: "frr.service", watches: ["/etc/a"], onChange: "reload" }],
  verify: [
    {
      name: "a mentions b",
      argv: ["sh", "-c", 'cat "$CROSSBORDER_ROOT/etc/b"; test ! -e "$STUB_STATE/bad"'],
    },
  ],
});
const which = `--component link --generation ${generationOf(wanted)}`;

let host: TemporaryHost;
beforeEach(async () => {
  host = new TemporaryHost();
  host.addUnit("frr.service", { enabled: false, active: false });
  host.setSysctl("s", "0");
  report(await host.bootstrap("apply", wanted));
});
afterEach(() => host.remove());

async function drifts(of = which): Promise<string[]> {
  const found = report(await host.installer(`verify ${of}`))["drifts"] as Record<string, string>[];
  return found.map(({ kind, subject, detail }) => `${kind} ${subject} ${detail}`);
}

describe("verify", () => {
  test("finds nothing where nothing drifted", async () => {
    expect(await drifts()).toEqual([]);
  });

  test("finds every kind of drift, and shows no content", async () => {
    host.write("/etc/a", "tampered");
    host.write("/etc/b", `psk = ${SECRET}`, 0o644);
    await host.exec(
      `rm "$CROSSBORDER_ROOT/etc/c"; rm "$STUB_STATE/enabled/frr.service"; touch "$STUB_STATE/bad"`,
    );
    host.kill("frr.service");
    host.setSysctl("s", "7");
    expect(await drifts()).toEqual([
      "file /etc/a content differs",
      "file /etc/b mode is 0644, not 0600",
      "file /etc/c is missing",
      "sysctl s is 7, not 1",
      "unit frr.service is not enabled",
      "unit frr.service is not active",
      "command a mentions b psk = ***",
    ]);
  });

  test("finds an owner that changed", async () => {
    if (process.getuid?.() !== 0) return;
    await host.exec(`chown 1:1 "$CROSSBORDER_ROOT/etc/a"`);
    expect(await drifts()).toEqual(["file /etc/a owner is 1:1, not 0:0"]);
  });

  test("finds a generation that is not the deployed one, and an unconfirmed one", async () => {
    expect(await drifts("--component link --generation 0123456789abcdef")).toEqual([
      `generation link ${generationOf(wanted)} is installed, not 0123456789abcdef`,
    ]);
    const next = { ...wanted, verify: [] };
    report(await host.bootstrap("stage", next));
    const staged = `--component link --generation ${generationOf(next)}`;
    report(await host.installer(`commit ${staged} --confirm-within 90`));
    expect(await drifts(staged)).toEqual([expect.stringMatching(/^generation link unconfirmed, undone at /)]);
  });

  test("finds that nothing is installed", async () => {
    expect(await drifts("--component other --generation 0123456789abcdef")).toEqual([
      "generation other nothing is installed, not 0123456789abcdef",
    ]);
  });
});
