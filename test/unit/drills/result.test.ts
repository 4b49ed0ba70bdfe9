import { drillsNamed } from "../../../drills/catalogue";
import type { Attempt } from "../../../drills/history";
import type { Moment } from "../../../drills/injector";
import type { Drill } from "../../../drills/model";
import { type Collected, observe } from "../../../drills/observe";
import { judge, renderResult, renderTable } from "../../../drills/report";
import { withRoom } from "../../../drills/room";

const cutTunnel = drillsNamed("cut-tunnel")[0]!;
const killPrimary = drillsNamed("kill-primary")[0]!;

/** A client whose requests, one every 100 ms from 1000 to 40 900, end as the function says; those that fail are tried twice. */
function stream(client: string, isServed: (at: number) => boolean): Attempt[] {
  return Array.from({ length: 400 }, (_, index) => 1000 + index * 100).flatMap((at): Attempt[] => {
    const one = { client, id: `${client}/${at}`, kind: "request" as const, at, ended: at + 10, took: 10 };
    if (isServed(at)) return [{ ...one, attempt: 1, outcome: "ok" }];
    return [
      { ...one, attempt: 1, outcome: "failed" },
      { ...one, attempt: 2, at: at + 20, ended: at + 30, outcome: "failed" },
    ];
  });
}

const always = (): boolean => true;

/** The faults of a drill begin at 10 s and are healed at 30 s. */
function moments(drill: Drill): Moment[] {
  const { inject } = drill.steps[0]!;
  return [
    { atSeconds: 0, what: "inject", inject, at: 10_000 },
    { atSeconds: 20, what: "heal", inject, at: 30_000 },
  ];
}

function collected(drill: Drill, streams: readonly Attempt[][], more: Partial<Collected> = {}): Collected {
  return {
    attempts: streams.flat(),
    moments: moments(drill),
    paths: [],
    unrepaired: [],
    clients: [...new Set(streams.flat().map(({ client }) => client))],
    siteOf: (role) => (role === "primary" ? "la" : "sg"),
    ...more,
  };
}

const onBackupFor = (from: number, to: number) =>
  Array.from({ length: 80 }, (_, index) => 1000 + index * 500).flatMap((at) =>
    ["la", "sg"].map((site) => ({
      site,
      at,
      ...(at >= from && at < to
        ? { path: "backup" as const, state: "active" }
        : { path: "tunnel" as const, state: "standby" }),
    })),
  );

describe("a cut tunnel", () => {
  const run = (streams: Attempt[][], paths = onBackupFor(11_000, 33_000)) =>
    judge(cutTunnel, observe(cutTunnel, collected(cutTunnel, streams, { paths })));
  const late = (until: number) => stream("sg-service", (at) => at < 10_000 || at >= until);

  it("passes when the backup path takes over in time, and the tunnel is back in time", () => {
    const result = run([late(11_500), stream("la-service", always), stream("la-site-reads", always)]);
    expect(result.failures).toEqual([]);
    expect(result.passed).toBe(true);
    expect(result.outageMs).toEqual({ "sg-service": 1500, "la-service": 0, "la-site-reads": 0 });
    expect(result.failedRequests["sg-service"]).toBe(15);
    expect(result.failedBetweenMs).toEqual({ "sg-service": [0, 1400] });
    expect(result.states).toEqual(
      [
        { afterMs: 1000, state: "active" },
        { afterMs: 23_000, state: "standby" },
      ].flatMap((change) => ["la", "sg"].map((site) => ({ site, ...change }))),
    );
  });

  it("fails when one site's requests take longer", () => {
    const { passed, failures } = run([late(13_500), stream("la-service", always)]);
    expect([passed, failures]).toEqual([false, ["fault → other site: 3510 ms, at most 3000 are allowed."]]);
  });

  it("fails when nobody could ask: a figure that wasn't seen is no success", () => {
    expect(run([stream("la-site-reads", always)]).failures).toEqual([
      "fault → other site: not seen while the drill looked; at most 3000 ms are allowed.",
    ]);
  });

  it("fails when a request fails after the heal, or at a site's own database", () => {
    const heal = run([stream("la-service", (at) => at !== 31_000)]);
    expect(heal.failures).toEqual(["after the heal: 1 requests, at most 0 are allowed."]);
    const own = run([stream("la-service", always), stream("sg-site-writes", (at) => at !== 12_000)]);
    expect(own.failures).toEqual(["at the own site: 1 requests, at most 0 are allowed."]);
  });

  it("fails when the tunnel isn't used again in time, or never", () => {
    const ok = [stream("la-service", always)];
    expect(run(ok, onBackupFor(11_000, 42_500)).failures[0]).toMatch(/^heal → tunnel: not seen/);
    expect(run(ok, onBackupFor(11_000, 40_500)).failures).toEqual([
      "heal → tunnel: 10500 ms, at most 10000 are allowed.",
    ]);
  });

  it("fails when a client has no answer in the end, or never made a request", () => {
    const served = stream("la-service", always);
    expect(run([served, stream("la-link", (at) => at < 20_000)]).failures).toEqual([
      "la-link had no answer at the end.",
    ]);
    const more = { clients: ["la-service", "la-vip-reads"], paths: onBackupFor(11_000, 33_000) };
    const result = judge(cutTunnel, observe(cutTunnel, collected(cutTunnel, [served], more)));
    expect(result.failures).toEqual(["la-vip-reads had no answer at the end."]);
  });

  it("asks nothing of clients that use the link alone", () => {
    const link = stream("la-link", (at) => at < 10_000 || at >= 32_000);
    expect(run([stream("la-service", always), link]).passed).toBe(true);
  });
});

describe("a primary that dies", () => {
  const data = { rows: { la: [], sg: [] }, conflicts: [] };
  const run = (streams: Attempt[][]) =>
    judge(killPrimary, observe(killPrimary, collected(killPrimary, streams, { data })));
  const lost = (client: string) => stream(client, (at) => at < 10_000 || at >= 30_000);

  it("costs its own clients their service, which isn't held against it", () => {
    const answered = stream("sg-vip-reads", (at) => at < 10_000 || at >= 14_000);
    expect(run([lost("la-site-writes"), lost("la-vip-reads"), answered])).toMatchObject({
      passed: true,
      failures: [],
    });
  });

  it("is judged by who opens connections to the service address at the other site, and by its database's slower client", () => {
    const from = (ms: number) => (at: number) => at < 10_000 || at >= 10_000 + ms;
    const streams = (service: number, writes: number) => [
      stream("sg-vip-service", from(service)),
      stream("sg-vip-reads", always),
      stream("sg-vip-writes", from(writes)),
    ];
    expect(run(streams(4_000, 4_500)).failures).toEqual([]);
    expect(run(streams(6_000, 7_000)).failures).toEqual([
      "fault → service address: 6010 ms, at most 5000 are allowed.",
      "fault → database there: 7010 ms, at most 5000 are allowed.",
    ]);
  });

  it("is judged by what answers at the address: a stack may lack the service, or the database", () => {
    const late = (client: string) => run([stream(client, (at) => at < 10_000 || at >= 16_000)]).failures;
    expect(late("sg-vip-service")).toHaveLength(1);
    expect(late("sg-vip-reads")).toHaveLength(2);
  });

  it("breaks a promise: the drill fails, and names what is lost", () => {
    const insert = {
      ...stream("sg-site-writes", always)[0]!,
      kind: "insert" as const,
      key: "insert/1",
      server: "sg",
    };
    const result = run([
      stream("sg-vip-reads", always),
      [insert as Attempt],
      stream("sg-site-writes", always),
    ]);
    expect(result.failures).toEqual([`promise (a) is broken 1 times: ${insert.id}.`]);
    expect(result.passed).toBe(false);
  });
});

test("rows that a repair left different fail the drill, whatever they are", () => {
  const more = { paths: onBackupFor(11_000, 33_000), unrepaired: ["delete/shared/1"] };
  const served = [stream("la-service", always)];
  const { failures } = judge(cutTunnel, observe(cutTunnel, collected(cutTunnel, served, more)));
  expect(failures).toEqual(["the repair left different: delete/shared/1."]);
});

test("without a fault there is nothing to judge", () => {
  const nothing = collected(cutTunnel, [stream("la-service", always)], { moments: [] });
  expect(() => observe(cutTunnel, nothing)).toThrow("injected nothing");
});

test("results are printed for people, one in full and all in a table", () => {
  const paths = onBackupFor(11_000, 33_000);
  const streams = [stream("la-service", (at) => at < 10_000 || at >= 11_200)];
  const result = judge(cutTunnel, observe(cutTunnel, collected(cutTunnel, streams, { paths })));
  expect(renderResult(result)).toMatchSnapshot();
  expect(renderTable([result, { ...result, name: "flap", passed: false }])).toMatchSnapshot();
});

test("room gives clients and bounds more time, and nothing else", () => {
  const bounds = { crossSiteMs: 3000, healMs: 10_000, failed: 0, pathChangesPerMinute: 2 };
  expect(withRoom({ ...cutTunnel, bounds }, 2)).toEqual({
    ...cutTunnel,
    bounds: { ...bounds, crossSiteMs: 6000, healMs: 20_000 },
    clientTimeoutMs: 4000,
  });
});
