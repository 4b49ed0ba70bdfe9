import {
  agentCommand,
  haRows,
  type HaStatus,
  isPaired,
  pairStatus,
  readHa,
  servingSites,
  shouts,
  type SiteHa,
} from "../../../providers/probes/ha";
import { exitStatus, type LinkStatus, renderLinkStatus } from "../../../providers/probes/status";
import { type ExecResult, type Session, SshError } from "../../../providers/ssh/session";
import { facts } from "./fixtures";

type Known = Exclude<SiteHa, { vrrp: "unreachable" }>;

const ha = { vip: "10.0.0.100", policy: "both-serve" };

const master: Known = {
  vrrp: "MASTER",
  role: "serve",
  reason: "this site holds the address",
  since: 1_700_000_000,
  holdsAddress: true,
  pin: null,
  well: { proxy: true, link: true },
  changes: 3,
};
const backup: Known = {
  ...master,
  vrrp: "BACKUP",
  role: "proxy",
  reason: "the other site holds the address",
  holdsAddress: false,
};
const held = { kind: "hold", site: "la", at: "2026-01-01T00:00:00Z" } as const;

/** A session with a host whose agent says this. */
function saying(answer: Partial<ExecResult>): Session {
  return {
    exec: () => Promise.resolve({ status: 0, stdout: "", stderr: "", ...answer }),
    close: () => undefined,
  };
}

function agent(state: Known, set: Record<string, unknown> = {}): Session {
  // The agent tells more than is asked for.
  const said = { site: "la", peer: null, ...state, stale: false, ...set };
  return saying({ stdout: JSON.stringify(said) });
}

const read = (initiator: Session | SshError, responder: Session | SshError = agent(backup)) =>
  readHa(facts, { initiator, responder }, ha);

const status = (la: SiteHa, sg: SiteHa): HaStatus => pairStatus(ha, { la, sg });

test("each site tells what its agent saw last, and VRRP's states stand at the top", async () => {
  expect(await read(agent(master))).toEqual({
    la: "MASTER",
    sg: "BACKUP",
    ...ha,
    gateways: { la: master, sg: backup },
  });
});

test("a user who isn't root becomes root for the question", () => {
  const end = { connection: { ...facts.initiator.connection, user: "ubuntu" } };
  expect(agentCommand(end, "pin", "hold", "la")).toMatch(
    /^sudo -n python3 \S+\/ha_agent\.py pin \/etc\/crossborder\/ha\.json hold la$/,
  );
});

test.each<[string, Session | SshError, string]>([
  ["a host that can't be reached", new SshError("unreachable", "la-gw1 is off"), "la-gw1 is off"],
  ["an agent that was never there", saying({ stdout: "null" }), "la-gw1: the pair's agent doesn't run"],
  ["an agent that has died", agent(master, { stale: true }), "la-gw1: the pair's agent doesn't run"],
  ["a host without one", saying({ status: 2 }), "la-gw1: the pair's agent doesn't run"],
  ["an answer that isn't one", saying({ stdout: "{" }), "la-gw1: "],
])("%s is unreachable, with the reason", async (_, session, reason) => {
  const found = await read(session);
  expect(found).toMatchObject({ la: "unreachable", sg: "BACKUP" });
  expect(found.gateways["la"]).toMatchObject({ reason: expect.stringContaining(reason) });
  expect(isPaired(found)).toBe(false);
});

describe("a pair is in order", () => {
  test("with one MASTER that serves and one BACKUP that is a proxy, whichever", () => {
    expect(isPaired(status(master, backup))).toBe(true);
    expect(isPaired(status(backup, master))).toBe(true);
    expect(servingSites(status(backup, master))).toEqual(["sg"]);
  });

  test.each<[string, SiteHa, SiteHa]>([
    ["two masters", master, master],
    ["none", backup, backup],
    ["one without a voice", master, { ...backup, vrrp: "FAULT" }],
    ["a MASTER that is a proxy", { ...master, role: "proxy" }, backup],
    ["a BACKUP that serves", master, { ...backup, role: "serve" }],
    ["a proxy that is dead", master, { ...backup, well: { proxy: false, link: true } }],
    ["a pin", { ...master, pin: held }, backup],
  ])("and not with %s", (_, la, sg) => expect(isPaired(status(la, sg))).toBe(false));

  test("with a preference that a switchover left", () => {
    const pin = { ...held, kind: "prefer", site: "sg" } as const;
    expect(isPaired(status({ ...backup, pin }, { ...master, pin }))).toBe(true);
  });
});

describe("the table", () => {
  test("says who serves, by which policy, and each site's state apart from what its proxy does", () => {
    expect(haRows(status(master, backup))).toEqual([
      ["ha", "10.0.0.100 is served by la (both-serve)"],
      ["ha la", "MASTER, serves: this site holds the address"],
      ["ha sg", "BACKUP, is a proxy: the other site holds the address"],
    ]);
  });

  test("shouts while a decision by hand lasts", () => {
    const rows = haRows(status({ ...master, pin: held }, { ...backup, pin: held }));
    const shouted = rows.filter(([label]) => label === "!!").map(([, text]) => text);
    expect(shouted).toHaveLength(2);
    for (const text of shouted) {
      expect(text).toMatch(
        /^HOLD: .* pinned to la since 2026-01-01T00:00:00Z; NOTHING TAKES OVER until `npm run ha -- release`$/,
      );
    }
  });

  test("says of two masters, and of none, what that means", () => {
    expect(shouts(status(master, master))).toEqual([expect.stringContaining("don't hear each other")]);
    expect(shouts(status(backup, { vrrp: "unreachable", reason: "off" }))).toEqual([
      "no site that can be asked holds 10.0.0.100",
    ]);
  });

  test("tells a preference and what is not well", () => {
    const pin = { ...held, kind: "prefer", site: "sg" } as const;
    const rows = haRows(status({ ...backup, pin, well: { proxy: true, link: false } }, master));
    expect(rows[1]![1]).toContain("(a switchover prefers sg since 2026-01-01T00:00:00Z, link not well)");
  });
});

describe("the status of the whole", () => {
  const withPair = (pair: HaStatus | null): LinkStatus =>
    ({
      link: { state: "up", diagnosis: [], history: null },
      backup: null,
      ha: pair,
      postgres: null,
    }) as unknown as LinkStatus;

  test("is healthy without a pair, and with one that is in order", () => {
    expect(exitStatus(withPair(null))).toBe(0);
    expect(exitStatus(withPair(status(master, backup)))).toBe(0);
    expect(exitStatus(withPair(status(master, master)))).toBe(1);
  });

  test("shows the pair where there is one", () => {
    expect(renderLinkStatus(withPair(status(master, backup)))).toMatch(/^ {2}ha sg {7}BACKUP, is a proxy: /m);
    expect(renderLinkStatus(withPair(null))).not.toMatch(/^ {2}ha/m);
  });
});
