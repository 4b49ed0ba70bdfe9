import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drills } from "../../../drills/catalogue";
import { everything, ipsec, oneWay } from "../../../drills/faults";
import { openJournal } from "../../../drills/journal";
import type { Injection } from "../../../drills/model";
import { readClientHosts } from "../../../drills/stack/clientHosts";
import { impossible, StackInjector } from "../../../drills/stack/injector";
import { faultRules, isPossible } from "../../../drills/stack/rules";
import type { ExecOptions, Session } from "../../../providers/ssh/session";

let directory: string;

beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "drill-"))));
afterEach(() => rmSync(directory, { recursive: true }));

test("on hosts that somebody else runs, drills that need their power or a router between them are refused", () => {
  const refused = drills.filter((drill) => impossible(drill) !== undefined).map(({ name }) => name);
  expect(refused).toEqual([
    ...["one-way-la-sg", "one-way-sg-la", "kill-primary", "pause-primary", "kill-secondary"],
    ...["destroy-primary", "loss-10", "latency-300"],
  ]);
  expect(isPossible(ipsec)).toBe(true);
  expect(isPossible(oneWay(ipsec, "la-sg"))).toBe(false);
});

test("a gateway drops what comes from the other one and a fault matches, and nothing else", () => {
  expect(faultRules([ipsec, everything], "203.0.113.10")).toMatchSnapshot();
});

test("each gateway drops what comes from the other, has a dead man's switch before, and is freed when the last fault ends", async () => {
  const journal = openJournal(join(directory, "drill.json"));
  const ran: { site: string; command: string; stdin: string }[] = [];
  const onGateway = <T>(site: string, work: (session: Session) => Promise<T>): Promise<T> =>
    work({
      exec: async (command: string, { stdin = "" }: ExecOptions = {}) => {
        ran.push({ site, command, stdin });
        return { status: 0, stdout: "", stderr: "" };
      },
      close: () => undefined,
    });
  const gateways = [
    { site: "la", publicAddress: "198.51.100.10" },
    { site: "sg", publicAddress: "203.0.113.10" },
  ] as const;
  const injector = new StackInjector("prod", gateways, journal, () => "la", onGateway);
  const cut: Injection = { kind: "network", fault: ipsec };
  journal.add("cut-tunnel", cut);
  await injector.inject(cut);
  expect(ran.map(({ site, stdin }) => [site, /ip saddr (\S+)/.exec(stdin)?.[1]])).toEqual([
    ["la", "203.0.113.10"],
    ["sg", "198.51.100.10"],
  ]);
  expect(ran[0]!.command).toMatch(/systemd-run .*--on-active=600 nft delete table .* && nft -f -$/);
  await injector.heal(cut);
  expect(ran.slice(2).map(({ command }) => command)).toEqual(
    Array(2).fill(expect.stringContaining("nft delete table")),
  );
  await expect(injector.inject({ kind: "kill", host: "primary" })).rejects.toThrow(
    "only the lab can do that",
  );
});

describe("the file of client hosts", () => {
  const host = {
    host: "a",
    hostKey: "ssh-ed25519 AAAA",
    privateKeyFile: "key",
    address: "10.1.0.9",
    gateway: "10.1.0.2",
  };
  const write = (content: unknown): string => {
    const file = join(directory, "clients.json");
    writeFileSync(file, JSON.stringify(content));
    writeFileSync(join(directory, "key"), "PRIVATE");
    return file;
  };

  it("says how to reach each, with keys beside it", () => {
    const { la } = readClientHosts(write({ la: host }), ["la"]);
    const { address, gateway } = host;
    const connection = {
      host: "a",
      port: 22,
      user: "root",
      hostKey: "ssh-ed25519 AAAA",
      privateKey: "PRIVATE",
    };
    expect(la).toEqual({ connection, address, gateway });
  });

  it("that lacks a site, or says something that isn't wanted, is refused by name", () => {
    expect(() => readClientHosts(write({ la: host }), ["la", "sg"])).toThrow("it has no host of sg");
    expect(() => readClientHosts(write({ la: { ...host, gateway: "gw" } }), ["la"])).toThrow("la.gateway");
  });
});
