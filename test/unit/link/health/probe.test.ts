import { appendFileSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Gateway, healthy, Webhook, type Daemons } from "./gateway";

const cut: Daemons = {
  bfd: "down",
  bgp: "Active",
  rttsMs: Array.from({ length: 10 }, () => null),
  ike: true,
};
const slow: Daemons = { ...healthy, rttsMs: Array.from({ length: 10 }, () => 300) };
const lossy: Daemons = { ...healthy, rttsMs: [84, null, 84, null, 84, 84, 84, 84, 84, 84] };

// Every run is a process of its own, and some tests take eight.
jest.setTimeout(60_000);

let gateway: Gateway;
let webhook: Webhook | undefined;

function start(changes?: Record<string, unknown>): Gateway {
  return (gateway = new Gateway(changes));
}

afterEach(() => {
  webhook?.close();
  webhook = undefined;
  gateway.remove();
});

function lines(): Record<string, unknown>[] {
  return readdirSync(gateway.directory)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) => readFileSync(join(gateway.directory, name), "utf8").trim().split("\n"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/**
 * Reads the text exposition format strictly: a family's HELP, TYPE and samples stand together, names and labels are
 * legal, no sample comes twice, the text ends with a newline.
 */
function parseMetrics(text: string): Map<string, number> {
  expect(text.endsWith("\n")).toBe(true);
  const samples = new Map<string, number>();
  const families = new Set<string>();
  let family = "";
  let kind = "";
  for (const line of text.trimEnd().split("\n")) {
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) .+$/.exec(line);
    const type = /^# TYPE (\S+) (gauge|counter)$/.exec(line);
    if (help) {
      family = help[1]!;
      expect(families).not.toContain(family);
      families.add(family);
      kind = "";
    } else if (type) {
      expect(type[1]).toBe(family);
      kind = type[2]!;
    } else {
      const sample =
        /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(
          line,
        );
      expect(sample).not.toBeNull();
      expect(sample![1]).toBe(family);
      expect(kind).not.toBe("");
      const labels = sample![2]!.replace('site="la",host="la-gw1",link="la-sg"', "");
      const key = family + labels.replace(/^,/, "|");
      expect(samples.has(key)).toBe(false);
      samples.set(key, Number(sample![3]));
    }
  }
  return samples;
}

describe("what a run records", () => {
  test("a healthy link: figures, sessions, ages and counters", async () => {
    start();
    await expect(gateway.run()).resolves.toContain("the link la-sg is up");
    expect(lines()).toEqual([
      expect.objectContaining({
        state: "up",
        sent: 10,
        lost: 0,
        rttMs: { "50": 84, "95": 90, "99": 90 },
        jitterMs: 2,
        bfd: "up",
        bgp: "Established",
        ikeAgeSeconds: 791,
        childAgeSeconds: 79,
      }),
    ]);
    expect(statSync(join(gateway.directory, "state.json")).mode & 0o777).toBe(0o600);
  });

  test("metrics that the exposition format allows, in base units", async () => {
    start();
    await gateway.run(lossy);
    const metrics = parseMetrics(gateway.metrics());
    expect(Object.fromEntries(metrics)).toMatchObject({
      crossborder_link_up: 0,
      'crossborder_link_state|state="degraded"': 1,
      'crossborder_link_state|state="up"': 0,
      'crossborder_link_rtt_seconds|quantile="0.5"': 0.084,
      'crossborder_link_rtt_seconds|quantile="0.99"': 0.084,
      crossborder_link_jitter_seconds: 0,
      crossborder_link_loss_ratio: 0.2,
      crossborder_bfd_up: 1,
      crossborder_bgp_established: 1,
      crossborder_ike_sa_age_seconds: 791,
      crossborder_child_sa_age_seconds: 79,
      'crossborder_underlay_packets_total|kind="underlay_private_clear_out"': 3,
      crossborder_link_webhook_pending: 0,
    });
    expect(statSync(gateway.metricsFile).mode & 0o777).toBe(0o644);
  });

  test("a link that is down: no round trips, no ages, and still a legal file", async () => {
    start();
    await gateway.run({ ...cut, ike: false });
    const metrics = parseMetrics(gateway.metrics());
    expect(metrics.get("crossborder_link_loss_ratio")).toBe(1);
    expect([...metrics.keys()].filter((key) => /rtt|jitter|sa_age/.test(key))).toEqual([]);
    expect(gateway.memory()).toMatchObject({ state: "down", reason: "no IKE SA" });
  });

  test("daemons that do not answer are a state, not a crash", async () => {
    start();
    for (const tool of ["vtysh", "swanctl", "nft", "ip", "ping", "journalctl"])
      gateway.breakTool(tool, "exit 1");
    await gateway.run();
    expect(gateway.memory().state).toBe("down");
    parseMetrics(gateway.metrics());
  });

  test("a link without BFD is not judged by it", async () => {
    start({ bfd: false });
    await gateway.run({ ...healthy, bfd: "down" });
    expect(gateway.memory().state).toBe("up");
    expect(gateway.metrics()).not.toContain("crossborder_bfd_up");
  });
});

describe("states", () => {
  test("down is taken at its word, and so is the return", async () => {
    start();
    const states = [];
    for (const daemons of [healthy, cut, cut, healthy]) {
      await gateway.run(daemons);
      states.push(gateway.memory().state);
    }
    expect(states).toEqual(["up", "down", "down", "up"]);
  });

  test("degraded needs two runs that agree, up again three", async () => {
    start();
    const states = [];
    for (const daemons of [healthy, slow, healthy, slow, slow, healthy, healthy, healthy]) {
      await gateway.run(daemons);
      states.push(gateway.memory().state);
    }
    expect(states).toEqual(["up", "up", "up", "up", "degraded", "degraded", "degraded", "up"]);
  });

  test("one lost probe is weather; loss is told over many runs, and a cut does not count as loss", async () => {
    start();
    const oneLost: Daemons = { ...healthy, rttsMs: [null, 84, 84, 84, 84, 84, 84, 84, 84, 84] };
    for (const daemons of [oneLost, healthy, healthy]) await gateway.run(daemons);
    expect(gateway.memory().state).toBe("up");
    for (const daemons of [cut, cut, healthy]) await gateway.run(daemons);
    expect(gateway.memory().state).toBe("up");
    for (const daemons of [lossy, lossy]) await gateway.run(daemons);
    expect(gateway.memory()).toMatchObject({
      state: "degraded",
      reason: expect.stringMatching(/% of 60 probes were lost/),
    });
  });

  test("the summary of the day counts states and keeps the changes", async () => {
    start();
    for (const daemons of [healthy, cut, healthy, healthy]) await gateway.run(daemons);
    await expect(gateway.summary()).resolves.toMatchObject({
      runs: 4,
      percent: { down: 25, up: 75 },
      worstMedianMs: 84,
      changes: [
        { from: "up", to: "down", reason: "BFD is down" },
        { from: "down", to: "up", reason: "all layers are in order" },
      ],
    });
  });
});

describe("what survives", () => {
  test("half a line that a crash left does not take the next one with it", async () => {
    start();
    await gateway.run();
    const file = readdirSync(gateway.directory).find((name) => name.endsWith(".jsonl"))!;
    appendFileSync(join(gateway.directory, file), '{"at":17, "sta');
    await gateway.run();
    await expect(gateway.summary()).resolves.toMatchObject({ runs: 2 });
  });

  test.each([
    "",
    "{",
    "[]",
    '{"state":"up"}',
    '{"state":1,"since":0,"reason":"","streak":0,"window":[],"pending":[]}',
    '{"state":"up","since":0,"reason":"","streak":0,"window":[7],"pending":[]}',
  ])("a damaged memory (%j) is a fresh start", async (content) => {
    start();
    mkdirSync(gateway.directory);
    writeFileSync(join(gateway.directory, "state.json"), content);
    await gateway.run();
    expect(gateway.memory()).toMatchObject({ state: "up", pending: [] });
  });

  test("records older than a day go, and never more than 25 hours are kept whatever the clock did", async () => {
    start();
    mkdirSync(gateway.directory);
    for (let hour = 0; hour < 24; hour++) {
      writeFileSync(join(gateway.directory, `2001-01-01T${String(hour).padStart(2, "0")}.jsonl`), "");
      writeFileSync(join(gateway.directory, `2199-01-01T${String(hour).padStart(2, "0")}.jsonl`), "");
      writeFileSync(join(gateway.directory, `2199-01-02T${String(hour).padStart(2, "0")}.jsonl`), "");
    }
    await gateway.run();
    const hours = readdirSync(gateway.directory).filter((name) => name.endsWith(".jsonl"));
    expect(hours.filter((name) => name.startsWith("2001"))).toEqual([]);
    expect(hours.length).toBeLessThanOrEqual(26);
  });

  test("records that cannot be written (as on a full disk) keep neither metrics nor the webhook from happening", async () => {
    start();
    webhook = new Webhook(gateway.root);
    gateway.configure({ directory: "/proc/crossborder-cannot-be-made", webhook: await webhook.listen() });
    gateway.trust(webhook.certificateFile);
    await expect(gateway.run(cut)).resolves.toMatch(/recording failed/);
    expect(webhook.received).toHaveLength(1);
    expect(parseMetrics(gateway.metrics()).get("crossborder_link_up")).toBe(0);
  });
});

describe("the webhook", () => {
  beforeEach(async () => {
    start();
    webhook = new Webhook(gateway.root);
    gateway.configure({ webhook: await webhook.listen() });
    gateway.trust(webhook.certificateFile);
  });

  test("hears of changes, and of nothing else", async () => {
    for (const daemons of [healthy, healthy, cut, cut, healthy]) await gateway.run(daemons);
    expect(webhook!.received).toEqual([
      {
        site: "la",
        host: "la-gw1",
        link: "la-sg",
        from: "up",
        to: "down",
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        reason: "BFD is down",
        figures: expect.objectContaining({ sent: 10, lost: 10, bfd: "down", bgp: "Active" }),
      },
      expect.objectContaining({ from: "down", to: "up" }),
    ]);
  });

  test("hears of a link that is down from the start", async () => {
    await gateway.run(cut);
    expect(webhook!.received).toEqual([expect.objectContaining({ from: "unknown", to: "down" })]);
  });

  test("what it missed is sent by later runs, in order, and its URL is in no log, record or metric", async () => {
    webhook!.status = 503;
    let log = "";
    for (const daemons of [healthy, cut, healthy]) log += await gateway.run(daemons);
    expect(log).toContain("the webhook was not reached (it answered 503); 2 pending");
    expect(parseMetrics(gateway.metrics()).get("crossborder_link_webhook_pending")).toBe(2);
    webhook!.status = 200;
    await gateway.run();
    expect(webhook!.received.map(({ to }) => to)).toEqual(["down", "up"]);
    expect(gateway.memory().pending).toEqual([]);
    expect(
      log + gateway.metrics() + JSON.stringify(lines()) + JSON.stringify(gateway.memory()),
    ).not.toContain("t0ken");
  });

  test("a redirect is not followed", async () => {
    webhook!.status = 302;
    await expect(gateway.run(cut)).resolves.toContain("it answered 302");
    expect(gateway.memory().pending).toHaveLength(1);
  });

  test("a certificate that is not trusted, and an URL that is not https, are refused", async () => {
    gateway.trust("/dev/null");
    await expect(gateway.run(cut)).resolves.toMatch(/the webhook was not reached \(SSL\w+\)/);
    gateway.configure({ webhook: "http://localhost:1/t0ken" });
    await expect(gateway.run()).resolves.toContain("its URL is not https");
    expect(webhook!.received).toEqual([]);
  });
});
