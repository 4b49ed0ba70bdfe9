import { spawnSync } from "node:child_process";
import { join } from "node:path";

interface Seen {
  readonly vrrp: string;
  readonly voicelessSeconds: number;
  readonly role: "serve" | "proxy";
  readonly pin: { readonly kind: string; readonly site: string } | null;
  readonly peer: { readonly role: "serve" | "proxy" | null; readonly unanswered: number };
}

interface Config {
  readonly site: string;
  readonly primary: boolean;
  readonly policy: "both-serve" | "primary-only";
}

interface Decision {
  readonly role: "serve" | "proxy";
  readonly reason: string;
  readonly asks: boolean;
  readonly adjustment: number;
}

const unasked = { role: null, unanswered: 0 } as const;
const serves = { role: "serve", unanswered: 0 } as const;
const gaveUp = { role: "proxy", unanswered: 0 } as const;
const silent = (unanswered: number, role: "serve" | "proxy" | null = null) => ({ role, unanswered });

const quiet: Seen = { vrrp: "BACKUP", voicelessSeconds: 0, role: "proxy", pin: null, peer: unasked };

const primary: Config = { site: "la", primary: true, policy: "both-serve" };
const secondary: Config = { site: "sg", primary: false, policy: "both-serve" };
const cautious: Config = { ...secondary, policy: "primary-only" };
const cautiousPrimary: Config = { ...primary, policy: "primary-only" };

function decideAll(cases: readonly { config: Config; seen: Seen }[]): Decision[] {
  const agent = join(__dirname, "../../../components/ha/agent");
  const { stdout, stderr } = spawnSync("python3", [join(__dirname, "decision_driver.py")], {
    input: cases
      .map(({ config, seen }) =>
        JSON.stringify({ config: { ...config, weights: { preferred: 20, pinned: 80 } }, seen }),
      )
      .join("\n"),
    env: { PATH: process.env["PATH"] ?? "", PYTHONPATH: agent, PYTHONDONTWRITEBYTECODE: "1" },
    encoding: "utf8",
  });
  if (stderr) throw new Error(stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Decision);
}

function decide(config: Config, set: Partial<Seen>): Decision {
  return decideAll([{ config, seen: { ...quiet, ...set } }])[0]!;
}

describe("while VRRP speaks", () => {
  test.each([
    [primary, "MASTER", "serve"],
    [secondary, "MASTER", "serve"],
    [primary, "BACKUP", "proxy"],
    [secondary, "BACKUP", "proxy"],
    [cautiousPrimary, "MASTER", "serve"],
    [cautious, "BACKUP", "proxy"],
  ] as const)("%j as %s is to %s, and asks nobody", (config, vrrp, role) => {
    expect(decide(config, { vrrp, peer: silent(9) })).toMatchObject({ role, asks: false });
  });
});

describe("a secondary under primary-only that has become MASTER", () => {
  const master = { vrrp: "MASTER" } as const;

  test.each([
    ["stays a proxy while the primary says that it serves", { peer: serves }, "proxy"],
    ["serves once the primary says that it doesn't", { peer: gaveUp }, "serve"],
    ["serves once the primary has left three questions unanswered", { peer: silent(3) }, "serve"],
    ["is a proxy until then", { peer: silent(2) }, "proxy"],
    [
      "goes on serving through a question that got lost",
      { role: "serve", peer: silent(1, "proxy") },
      "serve",
    ],
    ["goes on as a proxy through one", { role: "proxy", peer: silent(2, "serve") }, "proxy"],
    ["takes over when the primary that served falls silent", { peer: silent(3, "serve") }, "serve"],
    ["gives up when the primary serves again", { role: "serve", peer: serves }, "proxy"],
  ] as const)("%s", (_, set, role) => {
    expect(decide(cautious, { ...master, ...set })).toMatchObject({ role, asks: true });
  });
});

describe("without a voice", () => {
  test.each(["FAULT", "STOP", "unknown"])("%s changes nothing at first", (vrrp) => {
    for (const role of ["serve", "proxy"] as const) {
      expect(decide(secondary, { vrrp, role, voicelessSeconds: 2 })).toMatchObject({ role, asks: false });
    }
  });

  test("keepalived has longer to speak for the first time than to start again", () => {
    expect(decide(primary, { vrrp: "unknown", voicelessSeconds: 14 }).asks).toBe(false);
    expect(decide(primary, { vrrp: "unknown", voicelessSeconds: 15 }).asks).toBe(true);
    expect(decide(primary, { vrrp: "STOP", voicelessSeconds: 3 }).asks).toBe(true);
  });

  test.each([
    [primary, serves, "proxy"],
    [primary, gaveUp, "serve"],
    [secondary, serves, "proxy"],
    // Of two that don't serve, one has to.
    [secondary, gaveUp, "proxy"],
    [primary, silent(3), "serve"],
    [secondary, silent(3), "serve"],
    [secondary, silent(1), "proxy"],
  ] as const)("%j with an answer %j is to %s", (config, peer, role) => {
    expect(decide(config, { vrrp: "FAULT", voicelessSeconds: 60, peer })).toMatchObject({ role, asks: true });
  });
});

describe("decided by hand", () => {
  test.each(["hold", "force"])(
    "%s lets its site serve and the other not, whatever VRRP and the policy say",
    (kind) => {
      const cases = [primary, secondary, cautious].flatMap((config) =>
        ["MASTER", "BACKUP", "FAULT", "unknown"].map((vrrp) => ({
          config,
          seen: { ...quiet, vrrp, voicelessSeconds: 60, peer: serves },
        })),
      );
      const pinnedTo = (site: (config: Config) => string) =>
        decideAll(
          cases.map(({ config, seen }) => ({ config, seen: { ...seen, pin: { kind, site: site(config) } } })),
        );
      const here = pinnedTo(({ site }) => site);
      expect(here).toHaveLength(12);
      for (const decision of here) {
        expect(decision).toMatchObject({ role: "serve", asks: false, adjustment: 80 });
        expect(decision.reason).toContain(kind);
      }
      for (const decision of pinnedTo(() => "elsewhere")) {
        expect(decision).toMatchObject({ role: "proxy", asks: false, adjustment: 0 });
      }
    },
  );

  test("a preference adjusts the priority of its site and decides nothing else", () => {
    const pin = { kind: "prefer", site: "sg" };
    expect(decide(secondary, { pin })).toMatchObject({ role: "proxy", adjustment: 20 });
    expect(decide(primary, { pin, vrrp: "MASTER" })).toMatchObject({ role: "serve", adjustment: 0 });
    expect(decide(cautious, { pin, vrrp: "MASTER", peer: serves })).toMatchObject({
      role: "proxy",
      asks: true,
    });
  });

  test("without any, nothing is adjusted", () => {
    expect(decide(primary, {}).adjustment).toBe(0);
  });
});

test("whatever is seen, a site that can reach nobody and that nobody pinned elsewhere serves", () => {
  const cases = [primary, secondary, cautious, cautiousPrimary].flatMap((config) =>
    ["MASTER", "FAULT", "STOP", "unknown"].flatMap((vrrp) =>
      (["serve", "proxy"] as const).map((role) => ({
        config,
        seen: { ...quiet, vrrp, role, voicelessSeconds: 60, peer: silent(3, "serve") },
      })),
    ),
  );
  expect(new Set(decideAll(cases).map(({ role }) => role))).toEqual(new Set(["serve"]));
});
