import { force, hold, type Pair, Refused, release, switchover } from "../../../ha/control";
import { pairStatus, type Pin, type SiteHa } from "../../../providers/probes/ha";

type Known = Exclude<SiteHa, { vrrp: "unreachable" }>;

/** Two gateways whose VRRP follows what they were told after some looks. */
class FakePair implements Pair {
  readonly primary = "la";
  readonly calls: string[] = [];
  readonly said: string[] = [];
  /** Gateways that can't be reached. */
  readonly unreachable = new Set<string>();
  /** Looks until the address has moved; never when it is infinite. */
  looksToMove = 2;
  /** What is well at each site. */
  readonly well: Record<string, boolean> = { la: true, sg: true };
  /** Whether the sites hear each other. */
  partitioned = false;
  private readonly pins: Record<string, Pin | null> = { la: null, sg: null };
  private master = "la";
  private looks = 0;
  private clock = 0;

  private tell(site: string, pin: Pin | null): Promise<void> {
    if (this.unreachable.has(site)) return Promise.reject(new Error(`${site}-gw1 does not answer`));
    this.calls.push(`${site} ${pin ? `${pin.kind} ${pin.site}` : "release"}`);
    this.pins[site] = pin;
    this.looks = 0;
    return Promise.resolve();
  }

  readonly gateways = ["la", "sg"].map((site) => ({
    site,
    pin: (kind: Pin["kind"], to: string) => this.tell(site, { kind, site: to, at: "2026-01-01T00:00:00Z" }),
    release: () => this.tell(site, null),
  }));

  private wanted(): string {
    const pin = this.pins["la"] ?? this.pins["sg"];
    return pin?.site ?? this.primary;
  }

  status() {
    this.looks++;
    if (this.looks > this.looksToMove) this.master = this.wanted();
    const site = (name: string): SiteHa => {
      if (this.unreachable.has(name)) return { vrrp: "unreachable", reason: `${name}-gw1 does not answer` };
      const serves = this.partitioned || name === this.master;
      return {
        vrrp: serves ? "MASTER" : "BACKUP",
        role: serves ? "serve" : "proxy",
        reason: "so it is",
        since: 0,
        holdsAddress: serves,
        pin: this.pins[name] ?? null,
        well: { proxy: this.well[name]!, link: true },
        changes: 0,
      } satisfies Known;
    };
    const facts = { vip: "10.0.0.100", policy: "both-serve" };
    return Promise.resolve(pairStatus(facts, { la: site("la"), sg: site("sg") }));
  }

  now(): number {
    return this.clock;
  }

  sleep(ms: number): Promise<void> {
    this.clock += ms;
    return Promise.resolve();
  }

  say(line: string): void {
    this.said.push(line);
  }
}

let pair: FakePair;
beforeEach(() => void (pair = new FakePair()));

describe("switchover", () => {
  test("prefers the other site, which is told first, and waits until it serves", async () => {
    expect(await switchover(pair, undefined, 10_000)).toBe("sg has the address now");
    expect(pair.calls).toEqual(["sg prefer sg", "la prefer sg"]);
  });

  test("back to the primary takes the preference away", async () => {
    await switchover(pair, "sg", 10_000);
    pair.calls.length = 0;
    expect(await switchover(pair, undefined, 10_000)).toBe("la has the address now");
    expect(pair.calls).toEqual(["la release", "sg release"]);
  });

  test("to the site that has the address changes nothing", async () => {
    expect(await switchover(pair, "la", 10_000)).toBe("la has the address already");
    expect(pair.calls).toEqual([]);
  });

  test("that doesn't happen is taken back", async () => {
    pair.looksToMove = Infinity;
    await expect(switchover(pair, "sg", 5000)).rejects.toThrow(
      "the address did not move to sg within 5 s; the preference was taken back",
    );
    expect(pair.calls).toEqual(["sg prefer sg", "la prefer sg", "la release", "sg release"]);
  });

  test.each<[string, (of: FakePair) => void, RegExp]>([
    [
      "a site that can't be asked",
      (of) => of.unreachable.add("sg"),
      /sg is unreachable: sg-gw1 does not answer/,
    ],
    ["sites that don't hear each other", (of) => (of.partitioned = true), /both sites hold 10\.0\.0\.100/],
    ["a gateway that isn't well", (of) => (of.well["sg"] = false), /a gateway is not well/],
  ])("with %s is refused, and changes nothing", async (_, break_, reason) => {
    break_(pair);
    const refused = switchover(pair, "sg", 10_000);
    await expect(refused).rejects.toThrow(Refused);
    await expect(refused).rejects.toThrow(reason);
    expect(pair.calls).toEqual([]);
  });

  test("while the address is pinned is refused, with the pin and the way out", async () => {
    await hold(pair);
    await expect(switchover(pair, "sg", 10_000)).rejects.toThrow(/HOLD: .*`npm run ha -- release`/);
  });

  test("to a site that is none is refused", async () => {
    await expect(switchover(pair, "mars", 10_000)).rejects.toThrow("mars is no site; the sites are la, sg");
  });
});

describe("hold", () => {
  test("pins the site that serves, which is told first", async () => {
    await switchover(pair, "sg", 10_000);
    pair.calls.length = 0;
    await hold(pair);
    expect(pair.calls).toEqual(["sg hold sg", "la hold sg"]);
  });

  test("is refused when two sites serve: nobody knows which is meant", async () => {
    pair.partitioned = true;
    await expect(hold(pair)).rejects.toThrow("la and sg serve, so it is not clear what to hold");
    expect(pair.calls).toEqual([]);
  });
});

describe("force", () => {
  test("works with the other site dead, and says so", async () => {
    pair.unreachable.add("la");
    await force(pair, "sg");
    expect(pair.calls).toEqual(["sg force sg"]);
    expect(pair.said).toEqual([
      "la could not be told: la-gw1 does not answer",
      expect.stringContaining("run the same command again"),
    ]);
  });

  test("that nobody could be told of is refused", async () => {
    pair.unreachable.add("la").add("sg");
    await expect(force(pair, "sg")).rejects.toThrow("no gateway could be told; nothing was changed");
  });
});

test("release takes everything back on both", async () => {
  await force(pair, "sg");
  pair.calls.length = 0;
  expect(await release(pair)).toContain("la has the address while it is well");
  expect(pair.calls).toEqual(["la release", "sg release"]);
});
