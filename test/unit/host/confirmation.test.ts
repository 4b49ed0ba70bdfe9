import { generationOf } from "../../../components/host/installer";
import type { Manifest } from "../../../components/host/manifest";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "./manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const FILE = "/etc/nftables.d/link.nft";
const TIMER = "crossborder-rollback-link.timer";
const UNITS = "/etc/systemd/system";

let host: TemporaryHost;
beforeEach(() => (host = new TemporaryHost()));
afterEach(() => host.remove());

function rules(content: string, parts: Partial<Manifest> = {}): Manifest {
  return manifest({ files: [{ path: FILE, content, mode: "0644" }], ...parts });
}

async function stage(wanted: Manifest): Promise<string> {
  report(await host.bootstrap("stage", wanted));
  return `--component link --generation ${generationOf(wanted)}`;
}

async function commit(wanted: Manifest, seconds = 90): Promise<string> {
  const which = await stage(wanted);
  report(await host.installer(`commit ${which} --confirm-within ${seconds}`));
  return which;
}

/** What the timer's service runs. */
function whenTimeIsUp() {
  const service = host.read(`${UNITS}/crossborder-rollback-link.service`);
  const [, args] = /^ExecStart=\/usr\/bin\/env python3 \S+installer\.py (.*)$/m.exec(service)!;
  return host.installer(args!);
}

describe("a commit that has to be confirmed", () => {
  test("changes nothing while it is only staged", async () => {
    host.write(FILE, "found");
    await stage(rules("staged"));
    expect(host.read(FILE)).toBe("found");
    expect(host.isActive(TIMER)).toBe(false);
  });

  test("arms a timer that outlives a reboot, before it touches anything", async () => {
    const which = await stage(rules("new"));
    host.hook(
      `[ "$*" != "systemctl restart ${TIMER}" ] || [ -e armed ] || { touch armed; [ ! -e "$CROSSBORDER_ROOT${FILE}" ]; }`,
    );
    const result = report(await host.installer(`commit ${which} --confirm-within 75`));
    expect(result).toMatchObject({ result: "changed", pending: true });
    expect(host.isEnabled(TIMER) && host.isActive(TIMER)).toBe(true);
    expect(host.read(`${UNITS}/${TIMER}`)).toMatch(/OnActiveSec=75\n(.|\n)*WantedBy=timers.target/);
    // Armed before, and once more after the change, so that the whole time is left to confirm it.
    expect(host.calls(/^systemctl restart/)).toHaveLength(2);
  });

  test("is final once it is confirmed: its timer runs neither now nor after a reboot", async () => {
    const which = await commit(rules("new"));
    expect(report(await host.installer(`confirm ${which}`))).toMatchObject({ pending: false });
    expect(host.isEnabled(TIMER) || host.isActive(TIMER)).toBe(false);
    expect(report(await host.installer("rollback --component link"))).toMatchObject({
      result: "nothing to roll back",
    });
    expect(host.read(FILE)).toBe("new");
  });

  test("undoes itself when its time is up, and remembers", async () => {
    report(await host.installer(`confirm ${await commit(rules("old"))}`));
    const which = await commit(rules("new"));
    expect(host.read(FILE)).toBe("new");
    report(await whenTimeIsUp());
    expect(host.read(FILE)).toBe("old");
    expect(host.isEnabled(TIMER) || host.isActive(TIMER)).toBe(false);
    expect(report(await host.installer("status"))).toMatchObject({
      link: { number: 1, pending: null, rolledBack: { number: 2, cause: "not confirmed in time" } },
    });
    const late = await host.installer(`confirm ${which}`);
    expect(late.status).toBe(1);
    expect(late.stderr).toContain("was rolled back at");
  });

  test("on a host that had nothing before goes back to what was found, and can be committed again", async () => {
    host.write(FILE, "found");
    const which = await commit(rules("new"));
    report(await whenTimeIsUp());
    expect(host.read(FILE)).toBe("found");
    report(await host.installer(`commit ${which} --confirm-within 90`));
    expect(host.read(FILE)).toBe("new");
  });

  test("goes back to the last confirmed generation, however many came since", async () => {
    report(await host.installer(`confirm ${await commit(rules("confirmed"))}`));
    await commit(rules("second"));
    await commit(rules("third"));
    report(await whenTimeIsUp());
    expect(host.read(FILE)).toBe("confirmed");
  });

  test("can be rolled back from outside, confirmed or not, once", async () => {
    report(await host.installer(`confirm ${await commit(rules("old"))}`));
    const which = await commit(rules("new"));
    report(await host.installer(`confirm ${which}`));
    expect(report(await host.installer(`rollback ${which}`))).toMatchObject({ result: "rolled back" });
    expect(report(await host.installer(`rollback ${which}`))).toMatchObject({
      result: "nothing to roll back",
    });
    expect(host.read(FILE)).toBe("old");
  });

  test("finds the timer of the last one ready, unless it gets another time", async () => {
    report(await host.installer(`confirm ${await commit(rules("one"))}`));
    host.calls(/./);
    report(await host.installer(`confirm ${await commit(rules("two"))}`));
    expect(host.calls(/^systemctl/)).toEqual([
      `systemctl enable --no-reload ${TIMER}`,
      `systemctl restart ${TIMER}`,
      `systemctl restart ${TIMER}`,
      `systemctl disable --no-reload --now ${TIMER}`,
    ]);
    await commit(rules("three"), 75);
    expect(host.calls(/^systemctl daemon-reload/)).toHaveLength(1);
    expect(host.read(`${UNITS}/${TIMER}`)).toContain("OnActiveSec=75\n");
    expect(host.isEnabled(TIMER) && host.isActive(TIMER)).toBe(true);
  });

  test("takes its timer along when the component goes", async () => {
    const before = host.snapshot();
    const which = await commit(rules("new"));
    report(await host.installer(`remove ${which} --owner owner`));
    expect(host.snapshot()).toEqual(before);
  });

  test("that fails leaves no timer running", async () => {
    const which = await stage(
      rules("new", {
        files: [{ path: "/etc/systemd/system/x.service", content: "", mode: "0644" }],
        units: [{ name: "x.service", watches: [], onChange: "restart" }],
      }),
    );
    host.hook(`[ "$*" != "systemctl start x.service" ]`);
    expect((await host.installer(`commit ${which} --confirm-within 90`)).status).toBe(1);
    expect(host.isEnabled(TIMER) || host.isActive(TIMER)).toBe(false);
  });

  test("repeated while it waits gets its time anew", async () => {
    const which = await commit(rules("new"));
    host.calls(/./);
    expect(report(await host.installer(`commit ${which} --confirm-within 90`))).toMatchObject({
      result: "unchanged",
      pending: true,
    });
    expect(host.calls(/^systemctl restart/)).toEqual([`systemctl restart ${TIMER}`]);
  });

  test("settles and tells what it still waits for", async () => {
    const which = await commit(
      rules("new", {
        confirm: {
          settle: [{ name: "rekeying", argv: ["sysctl", "-n", "settled"] }],
          ready: [
            { name: "BFD is up", argv: ["sh", "-c", "echo session is down; exit 1"] },
            { name: "BGP is up", argv: ["true"] },
            { name: "the proxy answers", argv: ["sleep", "600"] },
          ],
        },
      }),
    );
    host.setSysctl("settled", "1");
    report(await host.installer(`settle ${which}`));
    expect(host.calls(/^sysctl -n settled/)).toHaveLength(1);
    expect(report(await host.installer(`commit ${which} --confirm-within 90`))).toMatchObject({
      settles: true,
      conditions: ["BFD is up", "BGP is up", "the proxy answers"],
    });
    expect(report(await host.installer(`ready ${which}`))).toMatchObject({
      ready: false,
      waiting: [
        { name: "BFD is up", cause: "session is down" },
        { name: "the proxy answers", cause: "no answer within 15 s" },
      ],
    });
  });

  test("looks again by itself until it is ready, for as long as it is given", async () => {
    const argv = ["sh", "-c", "sysctl -n up"];
    const which = await commit(
      rules("new", { confirm: { settle: [], ready: [{ name: "BFD is up", argv }] } }),
    );
    host.hook(
      `[ "$*" != "sysctl -n up" ] || { echo >>looks; [ "$(wc -l <looks)" -lt 3 ] || echo 1 >sysctl/up; }`,
    );
    host.calls(/./);
    expect(report(await host.installer(`ready ${which} --within 60`))).toMatchObject({ ready: true });
    expect(host.calls(/^sysctl -n up/)).toHaveLength(3);
  });
});

describe("an installer that is killed", () => {
  const unit = { name: "frr.service", watches: [FILE], onChange: "reload" as const };
  const first = rules("one", { units: [unit], sysctl: { s: "1" } });
  const second = rules("two", {
    units: [unit],
    sysctl: { s: "2" },
    files: [
      { path: FILE, content: "two", mode: "0644" },
      { path: "/etc/added", content: "", mode: "0600" },
    ],
  });

  /** Kills the installer at its nth call of a system tool, counted from the first change. */
  function killAt(call: number): void {
    host.hook(
      `echo >>count; [ "$(wc -l <count)" -lt ${call} ] || { rm count; kill -9 "$INSTALLER_PID"; exit 137; }`,
    );
  }

  async function prepare(): Promise<string> {
    host.addUnit("frr.service", { enabled: false, active: false });
    host.setSysctl("s", "0");
    report(await host.bootstrap("apply", first));
    return stage(second);
  }

  test("at any of its calls is made good by the next commit", async () => {
    let killed = 0;
    for (let call = 1; call < 40; call++) {
      host.remove();
      host = new TemporaryHost();
      const which = await prepare();
      killAt(call);
      const { status } = await host.installer(`commit ${which} --confirm-within 90`);
      host.hook(undefined);
      if (status === 0) break;
      killed++;
      host.calls(/./);
      report(await host.installer(`commit ${which} --confirm-within 90`));
      report(await host.installer(`confirm ${which}`));
      expect([host.read(FILE), host.sysctl("s"), host.exists("/etc/added")]).toEqual(["two", "2", true]);
      expect(report(await host.installer(`verify ${which}`))["drifts"]).toEqual([]);
    }
    expect(killed).toBeGreaterThan(8);
  }, 600_000);

  test("at any of its calls is put back when the time is up", async () => {
    for (let call = 1; call < 40; call++) {
      host.remove();
      host = new TemporaryHost();
      const which = await prepare();
      const before = host.snapshot();
      killAt(call);
      const { status } = await host.installer(`commit ${which} --confirm-within 90`);
      host.hook(undefined);
      if (host.exists(`${UNITS}/crossborder-rollback-link.service`)) report(await whenTimeIsUp());
      const after = host.snapshot();
      const armed = [`enabled ${TIMER}`, `active ${TIMER}`];
      for (const path of [FILE, "/etc/added", "sysctl s", "enabled frr.service", ...armed]) {
        expect([call, path, after[path]]).toEqual([call, path, before[path]]);
      }
      if (status === 0) break;
    }
  }, 600_000);

  test("before its unit heard of a change: the unit hears of it later", async () => {
    const which = await prepare();
    host.hook(`[ "$2" != reload ] || { kill -9 "$INSTALLER_PID"; exit 1; }`);
    await host.installer(`commit ${which}`);
    host.hook(undefined);
    host.calls(/./);
    report(await host.installer(`commit ${which}`));
    expect(host.calls(/^systemctl reload/)).toEqual(["systemctl reload frr.service"]);
  });
});

describe("one installer at a time", () => {
  test("a second one waits, but not for ever", async () => {
    const which = await stage(
      rules("new", { confirm: { settle: [{ name: "waiting", argv: ["sleep", "3"] }], ready: [] } }),
    );
    report(await host.installer(`commit ${which}`));
    const busy = host.installer(`settle ${which}`);
    await new Promise((resolve) => setTimeout(resolve, 800));
    const impatient = await host.installer(`verify ${which} --lock-wait 0`);
    expect(impatient.stderr).toContain("another installer has held");
    expect(report(await host.installer(`verify ${which} --lock-wait 20`))["drifts"]).toEqual([]);
    report(await busy);
  });
});
