import { HEALTH_CONFIGURATION, HEALTH_PROGRAM } from "../../../components/link/health/unit";
import {
  mustMeasure,
  passGate,
  refreshGate,
  type GateInputs,
  type GateOutputs,
} from "../../../providers/probes/gate";
import type { World } from "../../../providers/probes/measure";
import type { Burst, HostState } from "../../../providers/probes/observation";
import { linkStatus, exitStatus, renderLinkStatus } from "../../../providers/probes/status";
import { SshError } from "../../../providers/ssh/session";
import { burst, facts, hostState, roundTrips } from "./fixtures";

const inputs: GateInputs = {
  link: facts,
  fingerprint: "one",
  measure: "onChange",
  probes: 200,
  intervalMs: 20,
  deadlineSeconds: 90,
};

const noSession: Partial<HostState> = {
  bfd: { status: "down", seconds: 1, diagnostic: "", remoteDiagnostic: "" },
  bgp: { state: "Connect", accepted: 0, lastReset: "" },
  route: "unreachable",
};

/** Two gateways behind fake sessions, and a clock that only sleeping moves. */
class FakeWorld implements World {
  clock = 0;
  readonly dials: string[] = [];
  readonly commands: { host: string; command: string; stdin: string }[] = [];
  open = 0;
  private packets = 1000;

  constructor(
    private readonly see: {
      readonly state?: (host: string, clock: number) => Partial<HostState>;
      readonly burst?: Partial<Burst>;
      readonly dial?: (host: string, clock: number) => SshError | undefined;
      readonly exec?: (command: string) => { status: number; stdout: string; stderr: string } | undefined;
    } = {},
  ) {}

  now(): number {
    return this.clock;
  }

  async sleep(ms: number): Promise<void> {
    this.clock += ms;
  }

  async connect({ host }: { host: string }): ReturnType<World["connect"]> {
    this.dials.push(host);
    const failure = this.see.dial?.(host, this.clock);
    if (failure) throw failure;
    this.open++;
    return {
      close: () => void this.open--,
      exec: async (command, options) => {
        this.commands.push({ host, command, stdin: options?.stdin ?? "" });
        const canned = this.see.exec?.(command);
        if (canned) return canned;
        return { status: 0, stdout: JSON.stringify(this.answer(host, command)), stderr: "" };
      },
    };
  }

  private answer(host: string, command: string): unknown {
    if (/^(sudo -n )?python3 - burst /.test(command)) {
      this.packets += 450;
      return burst(this.see.burst);
    }
    return hostState(this.packets, this.see.state?.(host, this.clock));
  }
}

/** The link while the responder's site is out of service. */
const alone: GateInputs = {
  ...inputs,
  link: { ...facts, responder: { ...facts.responder, outOfService: true } },
};

describe("while a site is out of service", () => {
  test("the gate passes, asks nobody, and keeps the figures that there were", async () => {
    const stored = await passGate(inputs, new FakeWorld());
    const world = new FakeWorld();
    const outputs = await passGate(alone, world, stored);
    expect(outputs).toMatchObject({ verdict: "outOfService", diagnosis: "", rttMs: { p50: 84 } });
    expect(outputs).toMatchObject({ measuredAt: stored.measuredAt, link: alone.link });
    expect(await refreshGate(outputs, world)).toBe(outputs);
    expect(world.dials).toEqual([]);
  });

  test("a link that was never measured has no figures", async () => {
    expect(await passGate(alone, new FakeWorld())).toMatchObject({
      ...{ verdict: "outOfService", rttMs: null, encrypted: false, measuredAt: "" },
    });
  });

  test("it is passed once, and the link is measured again once the site is back", async () => {
    const stored = await passGate(inputs, new FakeWorld());
    expect(mustMeasure(stored, alone)).toBe(true);
    const passed = await passGate(alone, new FakeWorld(), stored);
    expect(mustMeasure(passed, alone)).toBe(false);
    expect(mustMeasure(passed, { ...alone, measure: "always" })).toBe(false);
    expect(mustMeasure(passed, inputs)).toBe(true);
  });

  test("the status asks the living gateway alone, sends no probes, and says which of them isn't asked", async () => {
    const world = new FakeWorld();
    const status = await linkStatus(
      alone.link,
      { backup: true, ha: { vip: "10.0.0.100", policy: "both-serve" } },
      world,
    );
    expect(world.dials).toEqual(["192.0.2.1"]);
    expect(world.commands.filter(({ command }) => command.includes(" burst "))).toEqual([]);
    expect(status.link).toMatchObject({ state: "outOfService", diagnosis: [] });
    expect(exitStatus(status)).toBe(1);
    const text = renderLinkStatus(status);
    expect(text).toContain("la-sg is not measured: a site is out of service");
    expect(text).toMatch(/ha sg +unreachable: sg-gw1 is not asked: site sg is out of service/);
  });
});

describe("passing the gate", () => {
  test("a healthy link: its figures, one connection per gateway, all closed", async () => {
    const world = new FakeWorld();
    const outputs = await passGate(inputs, world);
    expect(outputs).toMatchObject({
      verdict: "up",
      rttMs: { p50: 84, p95: 86, p99: 86, jitter: 2 },
      lossPercent: 0,
      underlayRttMs: { p50: 83 },
      mtu: 1380,
      bfd: "up",
      bgp: "established",
      encrypted: true,
      diagnosis: "",
      fingerprint: "one",
    });
    expect(Date.parse(outputs.measuredAt)).not.toBeNaN();
    expect(world.dials.sort()).toEqual(["192.0.2.1", "192.0.2.2"]);
    expect(world.open).toBe(0);
    expect(world.clock).toBe(0);
  });

  test("each gateway is asked about its peer, the burst comes from the initiator, and no key is in a command", async () => {
    const world = new FakeWorld();
    await passGate(inputs, world);
    const bursts = world.commands.filter(({ command }) => command.includes(" burst "));
    expect(bursts).toHaveLength(1);
    expect(bursts[0]!.host).toBe("192.0.2.1");
    expect(bursts[0]!.command).toContain('"probes":200');
    expect(bursts[0]!.command).toContain('"peerLinkAddress":"10.255.0.2"');
    const looks = world.commands.filter(
      ({ command, host }) => command.includes(" state ") && host === "192.0.2.2",
    );
    expect(looks[0]!.command).toContain('"peerLinkAddress":"10.255.0.1"');
    expect(world.commands.filter((sent) => JSON.stringify(sent).includes("PRIVATE-KEY"))).toHaveLength(0);
  });

  test("it waits until the sessions are up, over the same connections", async () => {
    const world = new FakeWorld({ state: (_host, clock) => (clock < 5000 ? noSession : {}) });
    await expect(passGate(inputs, world)).resolves.toMatchObject({ verdict: "up" });
    expect(world.clock).toBe(5000);
    expect(world.dials).toHaveLength(2);
  });

  test("it waits for a host that is still booting, and dials it again", async () => {
    const booting = new SshError("unreachable", "192.0.2.2:22 cannot be reached");
    const world = new FakeWorld({
      dial: (host, clock) => (host === "192.0.2.2" && clock < 3000 ? booting : undefined),
    });
    await expect(passGate(inputs, world)).resolves.toMatchObject({ verdict: "up" });
    expect(world.clock).toBe(3000);
    expect(world.open).toBe(0);
  });

  test("at the deadline it measures what there is and fails with the diagnosis", async () => {
    const world = new FakeWorld({ state: () => noSession });
    await expect(passGate({ ...inputs, deadlineSeconds: 20 }, world)).rejects.toThrow(
      /^The link la-sg is down\.\nAt fault: BFD\. la-gw1: the BFD session with 10\.255\.0\.2 is down/,
    );
    expect(world.clock).toBe(20_000);
    expect(world.open).toBe(0);
  });

  test("it does not wait for what waiting does not mend", async () => {
    const mismatch = new SshError("host-key-mismatch", "192.0.2.2:22 offered another key; refused");
    const world = new FakeWorld({ dial: (host) => (host === "192.0.2.2" ? mismatch : undefined) });
    await expect(passGate(inputs, world)).rejects.toThrow(/host unreachable\. sg-gw1: .*offered another key/);
    expect(world.clock).toBe(0);
  });

  test.each([
    ["RTT", { tunnel: { sent: 200, rttsMs: roundTrips(300, 200), error: null } }],
    ["loss", { tunnel: { sent: 200, rttsMs: roundTrips(84, 190), error: null } }],
    ["MTU", { atMtuPasses: false }],
  ])("outside its limits by %s the deployment fails", async (layer, seen) => {
    await expect(passGate(inputs, new FakeWorld({ burst: seen }))).rejects.toThrow(
      new RegExp(`^The link la-sg is degraded\\.\nAt fault: ${layer}\\.`),
    );
  });

  test("a probe that crashes on a host is that host's failure", async () => {
    const world = new FakeWorld({
      exec: () => ({ status: 127, stdout: "", stderr: "python3: not found\n" }),
    });
    await expect(passGate({ ...inputs, deadlineSeconds: 0 }, world)).rejects.toThrow(
      /la-gw1: the probe ended with status 127: python3: not found/,
    );
  });
});

describe("refreshing the gate", () => {
  let stored: GateOutputs;

  beforeEach(async () => {
    stored = await passGate(inputs, new FakeWorld());
  });

  const over = (medianMs: number): FakeWorld =>
    new FakeWorld({ burst: { tunnel: { sent: 200, rttsMs: roundTrips(medianMs, 200), error: null } } });

  test("a healthy link keeps its stored figures, to the letter", async () => {
    await expect(refreshGate(stored, over(91))).resolves.toEqual(stored);
    await expect(refreshGate(stored, over(77))).resolves.toEqual(stored);
  });

  test("a median that moved by more than a tenth is stored, with its inputs", async () => {
    const moved = await refreshGate(stored, over(94));
    expect(moved).toMatchObject({ rttMs: { p50: 94 }, verdict: "up", fingerprint: "one", link: facts });
  });

  test("a link that went down is recorded with its diagnosis, and measured by the next deployment", async () => {
    expect(mustMeasure(stored, inputs)).toBe(false);
    const world = new FakeWorld({ state: () => noSession });
    const down = await refreshGate(stored, world);
    expect(down).toMatchObject({ verdict: "down", diagnosis: expect.stringContaining("At fault: BFD") });
    expect(world.clock).toBe(0);
    expect(mustMeasure(down, inputs)).toBe(true);
    await expect(refreshGate(down, new FakeWorld({ state: () => noSession }))).resolves.toEqual(down);
  });

  test("hosts that cannot be reached are a verdict, not an exception", async () => {
    const gone = (): SshError => new SshError("unreachable", "no route to host");
    await expect(refreshGate(stored, new FakeWorld({ dial: gone }))).resolves.toMatchObject({
      verdict: "down",
      rttMs: null,
      lossPercent: 100,
      encrypted: false,
    });
  });

  test("an unreadable pinned key is a verdict too, though the dial throws at once", async () => {
    const world = new FakeWorld();
    world.connect = () => {
      throw new SshError("host-key-mismatch", "the pinned host key cannot be read");
    };
    await expect(refreshGate(stored, world)).resolves.toMatchObject({ verdict: "down" });
  });
});

describe("deciding to measure", () => {
  let stored: GateOutputs;

  beforeEach(async () => {
    stored = await passGate(inputs, new FakeWorld());
  });

  test("nothing changed: no", () => {
    expect(mustMeasure(stored, JSON.parse(JSON.stringify(inputs)) as GateInputs)).toBe(false);
    expect(mustMeasure(stored, { ...inputs, deadlineSeconds: 30 })).toBe(false);
  });

  test.each<[string, Partial<GateInputs>]>([
    ["the link's fingerprint", { fingerprint: "two" }],
    ["a connection", { link: { ...facts, initiator: { ...facts.initiator, host: "la-gw2" } } }],
    ["the budget", { link: { ...facts, budgetMs: 90 } }],
    ["the number of probes", { probes: 400 }],
    ["measure: always", { measure: "always" }],
  ])("%s: yes", (_what, change) => {
    expect(mustMeasure(stored, { ...inputs, ...change })).toBe(true);
  });
});

describe("status", () => {
  test("a healthy link: what --json promises, exit status 0, a table", async () => {
    const world = new FakeWorld();
    const status = await linkStatus(facts, undefined, world);
    expect(status.link).toMatchObject({
      state: "up",
      rttMs: { p50: 84, p95: 86, p99: 86 },
      lossPercent: 0,
      bfd: "up",
      bgp: "established",
      encrypted: true,
      mtu: 1380,
      underlayRttMs: { p50: 83 },
      diagnosis: [],
    });
    expect(exitStatus(status)).toBe(0);
    expect(renderLinkStatus(status)).toMatchInlineSnapshot(`
     "  link        la-sg is up
       round trip  p50 84  p95 86  p99 86  jitter 2 ms  (budget 100 ms)
       underlay    p50 83  p95 85  p99 85  jitter 2 ms
       loss        0 %  (limit 1 %, underlay 0 %)
       BFD         up
       BGP         established
       encrypted   yes: only ESP in UDP left the gateways
       MTU         1380 bytes, proven
       last 24 h   no records yet"
    `);
    expect(world.open).toBe(0);
    expect(JSON.stringify(status)).not.toContain("PRIVATE-KEY");
  });

  test("the gateways' own records of the day, when there are any", async () => {
    const summary = {
      since: 1_700_000_000,
      runs: 5760,
      percent: { down: 0.25, up: 99.75 },
      worstMedianMs: 91,
      changes: [{ at: 1_700_000_000, from: "down", to: "up", reason: "all layers are in order" }],
    };
    const exec = (command: string): { status: number; stdout: string; stderr: string } | undefined =>
      command.includes("link_health.py summary")
        ? { status: 0, stdout: JSON.stringify(summary), stderr: "" }
        : undefined;
    const status = await linkStatus(facts, undefined, new FakeWorld({ exec }));
    expect(status.link.history).toEqual(summary);
    expect(renderLinkStatus(status)).toContain(
      "down 0.25 %, up 99.75 % of 5760 runs; up since 2023-11-14T22:13:20.000Z (all layers are in order)",
    );
  });

  test("a login that isn't root's looks as root, since the daemons answer nobody else", async () => {
    const world = new FakeWorld();
    const end = { ...facts.initiator, connection: { ...facts.initiator.connection, user: "crossborder" } };
    await linkStatus(
      { ...facts, initiator: end, responder: { ...facts.responder, ...end } },
      undefined,
      world,
    );
    expect(world.commands.map(({ command }) => command.split(" '")[0]).sort()).toEqual([
      "sudo -n python3 - burst",
      ...Array<string>(4).fill("sudo -n python3 - state"),
      `sudo -n python3 ${HEALTH_PROGRAM} summary ${HEALTH_CONFIGURATION}`,
    ]);
  });

  test("a bad link: exit status 1, and the table says what to do", async () => {
    const status = await linkStatus(facts, undefined, new FakeWorld({ state: () => noSession }));
    expect(exitStatus(status)).toBe(1);
    expect(renderLinkStatus(status)).toMatch(/at fault +BFD: la-gw1: .*\n +try: On la-gw1: vtysh/);
  });
});
