import { everything, ike } from "../../drills/faults";
import { presets } from "../../lab/ocean";
import { run } from "../../lab/sessions";
import { deployedLab } from "./support/deployed";
import { up } from "./support/deployment";
import { type Lab, labTimeoutMs } from "./support/lab";

const minute = 60_000;
const measuring = { "gate.measure": "always", "gate.deadlineSeconds": 20 };

let l: Lab;
const restored = async (): Promise<void> => void (l = await deployedLab("link"));

async function refused(overrides: Record<string, unknown> = {}): Promise<string> {
  const { status, output } = await up({ ...measuring, ...overrides });
  expect(status).not.toBe(0);
  return output;
}

describe("an ocean that is out of bounds", () => {
  // It touches nothing on the gateways, and is calmed for the next: one restore is enough.
  beforeAll(restored, labTimeoutMs);
  beforeEach(() => l.ocean.set(presets["default"]!), minute);
  afterAll(() => l.close());

  test(
    "an ocean of 300 ms fails the deployment and says RTT",
    async () => {
      await l.ocean.set({ rttMs: 300 });
      expect(await refused()).toMatch(
        /At fault: RTT\. .*the median round trip is 3\d\d(\.\d+)? ms, the budget 100 ms/,
      );
    },
    3 * minute,
  );

  test(
    "an ocean that loses 5 % fails the deployment and says loss",
    async () => {
      await l.ocean.set({ lossPercent: 5 });
      expect(await refused({ "gate.probes": 400 })).toMatch(/At fault: loss\./);
    },
    3 * minute,
  );
});

describe("a link at fault", () => {
  beforeEach(restored, labTimeoutMs);
  afterEach(() => l.close());

  test(
    "blocked IKE fails the deployment and says IKE",
    async () => {
      await l.ocean.cut(ike);
      await run(l.la, "swanctl --terminate --ike peer --force --timeout 2 || true");
      await run(l.sg, "swanctl --terminate --ike peer --force --timeout 2 || true");
      // A negotiation is given up after some 22 s; how far it is when the gate looks depends on the machine's speed.
      expect(await refused()).toMatch(
        /At fault: IKE\. .*(no IKE SA with sg-gw1|IKE SA with sg-gw1 is CONNECTING)/,
      );
    },
    3 * minute,
  );

  test(
    "a peer that cannot be reached fails the deployment, and the one after the heal passes",
    async () => {
      await l.ocean.cut(everything);
      await run(l.la, "swanctl --terminate --ike peer --force --timeout 2 || true");
      expect(await refused()).toMatch(/At fault: IKE\. .*203\.0\.113\.10 does not answer/);
      await l.ocean.heal();
      expect((await up({ "gate.measure": "always" })).status).toBe(0);
    },
    4 * minute,
  );

  test(
    "another key on one side, under a live SA, fails the deployment and says IKE",
    async () => {
      const file = "/etc/swanctl/conf.d/crossborder-secrets.conf";
      await run(
        l.sg,
        `sed -i 's/0s.*/0sd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmc=/' ${file} && swanctl --load-creds --noprompt`,
      );
      expect(await refused()).toMatch(
        /At fault: IKE\. sg-gw1: the IKE SA with la-gw1 is \d+ s old, but its key changed/,
      );
      await run(l.la, "swanctl --terminate --ike peer --timeout 5 || true");
      expect(await refused()).toMatch(/At fault: IKE\. .*authentication failed/);
    },
    4 * minute,
  );

  test(
    "an MTU that the underlay doesn't carry, its own size being wrong in the settings, says MTU",
    async () => {
      const output = await refused({ "link.mtu": 1400, "sites.la.existing.gateways.0.mtu": 1500 });
      expect(output).toMatch(/At fault: MTU\. la-gw1: packets of 1400 bytes that must not be fragmented/);
    },
    5 * minute,
  );
});

test(
  "settings that can't work are refused before anything is touched",
  async () => {
    const output = await refused({ "link.mtu": 1400, "sites.sg.cidr": "10.10.0.0/25", primary: "mars" });
    expect(output).toContain("crossborder:link.mtu is 1400; it must be at most 1394");
    expect(output).toContain("crossborder:sites.sg.cidr is 10.10.0.0/25; it must not overlap");
    expect(output).toContain('crossborder:primary is "mars"');
    expect(output).not.toContain("updating (");
  },
  2 * minute,
);
