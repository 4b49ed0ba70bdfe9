import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { everything } from "../../drills/faults";
import { bootstrapCommand, bootstrapRequest } from "../../components/host/installer";
import type { Manifest } from "../../components/host/manifest";
import type { Session } from "../../providers/ssh/session";
import { run } from "../../lab/sessions";
import { labDirectory } from "../../toolchain/paths";
import { deployedLab } from "./support/deployed";
import { deploy, up } from "./support/deployment";
import { eventually, type Lab, labTimeoutMs } from "./support/lab";
import { pingDuring } from "./support/traffic";

const minute = 60_000;

let l: Lab;
const restored = async (): Promise<void> => void (l = await deployedLab("link"));

/** Everything of the link on a host that a change that failed must leave as it was. */
function fingerprint(host: Session): Promise<string> {
  const files =
    "/etc/frr /etc/swanctl /etc/strongswan.d /etc/crossborder /etc/sysctl.d /usr/local/lib/crossborder";
  return run(
    host,
    `find ${files} -type f ! -name '*.py[co]' -exec sha256sum {} + | sort -k2; nft list chain inet crossborder input`,
  );
}

async function carriesTraffic(): Promise<boolean> {
  return (await l.on("client-la", "ping -n -c 2 -i 0.2 -W 1 10.20.0.50")).status === 0;
}

/** The manifest that a host has now. */
async function currentManifest(host: Session): Promise<Manifest> {
  const said = await run(host, "ls -d /var/lib/crossborder/link/generations/* | tail -1");
  return JSON.parse(await run(host, `cat ${said.trim()}/manifest.json`)) as Manifest;
}

async function deployedSessions(): Promise<Lab> {
  const { openLab } = await import("./support/lab");
  return openLab();
}

describe("a change", () => {
  beforeEach(restored, labTimeoutMs);
  afterEach(() => l.close());

  test(
    "a change that one side can't commit leaves both as they were, and the next reloads what it touches with the tunnel up",
    async () => {
      const change = { "link.bgp.holdSeconds": 45, "link.bfd": "off" };
      const before = [await fingerprint(l.la), await fingerprint(l.sg)];
      await run(l.sg, "chattr +i /etc/frr/frr.conf");
      const { status, output } = await up(change);
      expect(status).not.toBe(0);
      expect(output).toMatch(/the change was undone: sg-gw1: .*frr\.conf/);
      await run(l.sg, "chattr -i /etc/frr/frr.conf");
      expect([await fingerprint(l.la), await fingerprint(l.sg)]).toEqual(before);
      expect(await carriesTraffic()).toBe(true);

      // systemd gives a unit another one whenever it is started, and none for a reload.
      const invocations = () => run(l.la, "systemctl show -P InvocationID frr strongswan");
      const running = await invocations();
      const report = await pingDuring(l.la, "10.255.0.2", () => deploy(change));
      expect(report.lost).toBe(0);
      expect(await invocations()).toBe(running);
      for (const gateway of [l.la, l.sg]) {
        expect(await run(gateway, "cat /etc/frr/frr.conf")).toContain("timers 10 45");
        expect(JSON.parse(await run(gateway, "vtysh -c 'show bfd peers json'"))).toEqual([]);
      }
    },
    8 * minute,
  );

  test(
    "a firewall that locks SSH out undoes itself",
    async () => {
      const { status } = await up({ "access.sshFrom": ["192.0.2.0/24"], "link.confirmWithinSeconds": 60 });
      expect(status).not.toBe(0);
      l.close();
      await eventually(
        "the gateways admit SSH again",
        async () => {
          l = await deployedSessions();
          return (await run(l.la, "nft list chain inet crossborder input")).includes("10.0.2.0/24");
        },
        2 * minute,
        2000,
      );
      expect(await carriesTraffic()).toBe(true);
    },
    6 * minute,
  );

  test(
    "a change of the link while the sites are apart says so, and leaves both as they were",
    async () => {
      const before = [await fingerprint(l.la), await fingerprint(l.sg)];
      await l.ocean.cut(everything);
      const { status, output } = await up({ "link.bgp.holdSeconds": 45 });
      expect(status).not.toBe(0);
      // By then the SA may have been given up, whose absence is noticed first.
      expect(output).toMatch(/the change was undone: .*(IKE: |BFD is down)/);
      for (const host of ["la-gw1", "sg-gw1"]) expect(output).toContain(`${host} was rolled back`);
      expect([await fingerprint(l.la), await fingerprint(l.sg)]).toEqual(before);
      await l.ocean.heal();
      await eventually("the link carries again", carriesTraffic, minute);
    },
    8 * minute,
  );

  test(
    "another algorithm is taken up by a new SA beside the old one",
    async () => {
      await deploy({ "link.ipsec.profile": "cnsa" });
      expect(await run(l.la, "swanctl --list-sas")).toMatch(/AES_GCM_16-256\/PRF_HMAC_SHA2_384\/ECP_384/);
      expect(await carriesTraffic()).toBe(true);
    },
    5 * minute,
  );

  test(
    "the pre-shared key rotates, with gaps that are too short for BFD to notice",
    async () => {
      const key = () =>
        run(l.la, "sed -n 's/.*secret = //p' /etc/swanctl/conf.d/crossborder-secrets.conf | head -1");
      const old = await key();
      const report = await pingDuring(l.la, "10.255.0.2", async () => {
        await deploy({ "link.ipsec.psk.send": 1, "link.ipsec.psk.accept": [2] });
        await deploy({ "link.ipsec.psk.send": 2, "link.ipsec.psk.accept": [1] });
        await deploy({ "link.ipsec.psk.send": 2 });
      });
      expect(await key()).not.toBe(old);
      expect(await run(l.sg, "cat /etc/swanctl/conf.d/crossborder-secrets.conf")).not.toContain(old.trim());
      process.stdout.write(`rotation: ${report.lost} of ${report.sent} pings lost\n`);
      // A new SA costs what the responder sends between its taking the SA into use and the initiator's. Production's BFD
      // waits 900 ms.
      expect(report.longestGapMs).toBeLessThan(900);
    },
    8 * minute,
  );
});

describe("what is refused while it is staged", () => {
  // The first leaves the hosts as they were: one restore is enough.
  beforeAll(restored, labTimeoutMs);
  afterAll(() => l.close());

  test(
    "files that the daemons' own parsers reject leave the host untouched",
    async () => {
      const manifest = await currentManifest(l.la);
      const before = await fingerprint(l.la);
      for (const [path, nonsense] of [
        ["/etc/frr/frr.conf", "router bgp nonsense\n"],
        ["/etc/crossborder/firewall.nft", "table inet crossborder { chain { } }\n"],
      ] as const) {
        const files = manifest.files.map((file) =>
          file.path === path ? { ...file, content: nonsense } : file,
        );
        const request = bootstrapRequest("stage", "link-la-gw1", "0".repeat(32), { ...manifest, files });
        const { status, stderr } = await l.la.exec(bootstrapCommand("root"), { stdin: request });
        expect([path, status]).toEqual([path, 1]);
        expect(stderr).toMatch(/nft reads|vtysh reads/);
      }
      expect(await fingerprint(l.la)).toBe(before);
    },
    3 * minute,
  );

  test(
    "a host whose key is not the pinned one is refused",
    async () => {
      const inventory = JSON.parse(readFileSync(join(labDirectory, "inventory.json"), "utf8")) as {
        machines: Record<string, { hostKey: string }>;
      };
      inventory.machines["sg"]!.hostKey = inventory.machines["la"]!.hostKey;
      const file = join(labDirectory, "test-inventory.json");
      writeFileSync(file, JSON.stringify(inventory), { mode: 0o600 });
      const { status, output } = await up({
        "sites.sg.existing.gateways.0.connectionFile": ".lab/test-inventory.json#sg",
        "link.bgp.holdSeconds": 45,
      });
      expect(status).not.toBe(0);
      expect(output).toMatch(/host key/i);
      expect(await run(l.sg, "cat /etc/frr/frr.conf")).not.toContain("timers 10 45");
    },
    4 * minute,
  );
});
