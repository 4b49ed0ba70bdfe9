import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COUNTERS, type LinkFacts } from "../../../providers/probes/facts";
import type { Burst, HostState } from "../../../providers/probes/observation";
import { startSilentServer } from "../../support/silentServer";
import { startSshServer, type SshServer } from "../../support/sshServer";
import { burst, facts, hostState, roundTrips } from "../../unit/probes/fixtures";
import { Project } from "./project";

jest.setTimeout(600_000);

/** Within this a refresh ends, whatever a gateway does or doesn't, s. */
const refreshBoundSeconds = 90;

const program = `
import { readFileSync } from "node:fs";
import { TunnelRtt } from "./providers/tunnelRtt";

const gate = new TunnelRtt("gate", JSON.parse(readFileSync("inputs.json", "utf8")));
export const { rttMs, lossPercent, encrypted, verdict, mtu, bfd, bgp, underlayRttMs } = gate;
`;

/** Where the pretended gateways' `python3` finds what it is to have seen; ESP is counted by the
 * microsecond, which is more than a burst's between two looks. */
class Gateways {
  readonly directory = mkdtempSync(join(tmpdir(), "crossborder-gateways-"));
  server!: SshServer;

  async start(): Promise<void> {
    const bin = join(this.directory, "bin");
    mkdirSync(bin);
    const python = `#!/bin/sh
cat >/dev/null
cd '${this.directory}'
case "$2" in
burst) cat burst.json ;;
state)
  packets=$(($(date +%s%N) / 1000))
  sed "s/987654321/$packets/g" state.json ;;
esac
`;
    writeFileSync(join(bin, "python3"), python);
    chmodSync(join(bin, "python3"), 0o755);
    symlinkSync(join(__dirname, "../../support/hostStubs/sudo"), join(bin, "sudo"));
    this.see();
    this.server = await this.another();
  }

  /** Another gateway that sees the same. */
  another(): Promise<SshServer> {
    const path = `${join(this.directory, "bin")}:${process.env["PATH"]}`;
    return startSshServer({ environment: { PATH: path } });
  }

  see(state: Partial<HostState> = {}, changes: Partial<Burst> = {}): void {
    const seen = hostState(1, state);
    const counters = { ...seen.counters, [COUNTERS.espUdpOut]: 987654321 };
    writeFileSync(join(this.directory, "state.json"), JSON.stringify({ ...seen, counters }));
    writeFileSync(join(this.directory, "burst.json"), JSON.stringify(burst(changes)));
  }

  get link(): LinkFacts {
    return this.linkTo(this.server);
  }

  /** @param set What else is known of the responder, which is reached at that server. */
  linkTo(responder: SshServer, set: Partial<LinkFacts["responder"]> = {}): LinkFacts {
    const at = ({ host, port, user, privateKey, hostKey }: SshServer) => ({
      connection: { host, port, user, privateKey, hostKey },
    });
    return {
      ...facts,
      initiator: { ...facts.initiator, ...at(this.server) },
      responder: { ...facts.responder, ...at(responder), ...set },
    };
  }

  async close(): Promise<void> {
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const gateways = new Gateways();
const project = new Project();
const down = { bfd: { status: "down", seconds: 5, diagnostic: "", remoteDiagnostic: "" } };
const at = (medianMs: number): Partial<Burst> => ({
  tunnel: { sent: 200, rttsMs: roundTrips(medianMs, 200), error: null },
});

function give(changes: Record<string, unknown> = {}): void {
  project.inputs({ link: gateways.link, fingerprint: "one", deadlineSeconds: 2, ...changes });
}

const refresh = (...options: string[]): ReturnType<Project["pulumi"]> =>
  project.pulumi("refresh", "--yes", "--skip-preview", ...options);

beforeAll(async () => {
  await gateways.start();
  await project.create(program);
});

afterAll(async () => {
  project.remove();
  await gateways.close();
});

test("the life of a gate, with the real engine and gateways behind real SSH", async () => {
  // A link that is down at first fails the deployment, with the diagnosis, and leaves nothing behind.
  give();
  gateways.see(down);
  const failed = await project.up();
  expect(failed.status).not.toBe(0);
  expect(failed.stdout + failed.stderr).toContain("The link la-sg is down.");
  expect(failed.stdout + failed.stderr).toContain(
    "At fault: BFD. la-gw1: the BFD session with 10.255.0.2 is down",
  );
  expect(failed.stdout + failed.stderr).toContain("Try: On la-gw1: vtysh -c 'show bfd peers'");

  // A healthy link passes: figures are outputs, and each gateway is dialled once.
  gateways.see();
  const before = gateways.server.logins();
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(gateways.server.logins() - before).toBe(2);
  expect(await project.outputs()).toEqual({
    rttMs: { p50: 84, p95: 86, p99: 86, jitter: 2 },
    underlayRttMs: { p50: 83, p95: 85, p99: 85, jitter: 2 },
    lossPercent: 0,
    encrypted: true,
    verdict: "up",
    mtu: 1380,
    bfd: "up",
    bgp: "established",
  });

  // Nothing changed: nothing is measured, nobody is dialled.
  const settled = gateways.server.logins();
  expect(await project.preview()).toEqual({});
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(gateways.server.logins()).toBe(settled);

  // A refresh of a healthy link is clean, also when the median moved by less than a tenth.
  gateways.see({}, at(90));
  expect(await refresh("--expect-no-changes")).toMatchObject({ status: 0 });

  // A median that moved by more shows, and is stored.
  gateways.see({}, at(97));
  expect((await refresh("--expect-no-changes")).status).not.toBe(0);
  expect(project.stored("gate")).toMatchObject({ rttMs: { p50: 97 }, verdict: "up" });
  expect(await project.preview()).toEqual({});

  // A link that went down does not fail the refresh; the next deployment measures, and fails.
  gateways.see(down);
  expect(await refresh()).toMatchObject({ status: 0 });
  expect(project.stored("gate")).toMatchObject({ verdict: "down", bfd: "down" });
  expect(await project.preview()).toMatchObject({ gate: "update" });
  expect((await project.up()).stdout).toContain("At fault: BFD");
  gateways.see();
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.outputs()).toMatchObject({ verdict: "up", rttMs: { p50: 84 } });
  expect(await project.preview()).toEqual({});

  // One whose site is out of service isn't asked, and the figures stay.
  const second = await gateways.another();
  const apart = (set: object = {}) => ({ link: gateways.linkTo(second, set) });
  give(apart());
  expect(await project.up()).toMatchObject({ status: 0 });
  const asked = second.logins();
  give(apart({ outOfService: true }));
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.outputs()).toMatchObject({ verdict: "outOfService", rttMs: { p50: 84 } });
  expect(await project.preview()).toEqual({});
  expect(await refresh("--expect-no-changes")).toMatchObject({ status: 0 });
  expect(second.logins()).toBe(asked);
  give(apart());
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.outputs()).toMatchObject({ verdict: "up" });

  // A gateway that hangs doesn't hold up a refresh, which names it.
  await second.close();
  const silent = await startSilentServer(second.port);
  const began = Date.now();
  const refreshed = await refresh().finally(() => silent.close());
  expect((Date.now() - began) / 1000).toBeLessThan(refreshBoundSeconds);
  expect(refreshed.status).toBe(0);
  expect(refreshed.stdout + refreshed.stderr).toMatch(
    /host unreachable\. sg-gw1: .* cannot be reached over SSH/,
  );
  give();
  expect(await project.up()).toMatchObject({ status: 0 });

  // A new fingerprint measures again; so does every deployment with `always`, on this resource alone.
  give({ fingerprint: "two" });
  expect(await project.preview()).toMatchObject({ gate: "update" });
  give({ measure: "always" });
  expect(await project.preview()).toMatchObject({ gate: "update" });
  expect(await project.up()).toMatchObject({ status: 0 });
  const preview = await project.preview();
  expect(Object.entries(preview)).toEqual([["gate", "update"]]);

  // A refresh is clean all the same, and a deployment that refreshes first still measures.
  expect(await refresh("--expect-no-changes")).toMatchObject({ status: 0 });
  const dialled = gateways.server.logins();
  expect(await project.pulumi("up", "--yes", "--skip-preview", "--refresh")).toMatchObject({ status: 0 });
  expect(gateways.server.logins() - dialled).toBe(4);

  // No key to the gateways in the clear, neither in the state nor in what the CLI says.
  const key = gateways.server.privateKey.split("\n")[2]!;
  expect(key.length).toBeGreaterThan(40);
  expect(project.state()).not.toContain(key);
  expect(project.state()).not.toContain("PRIVATE KEY");
  expect(gateways.server.commands.filter(({ command }) => command.includes("PRIVATE"))).toEqual([]);

  // Deleting a gate touches nobody.
  const last = gateways.server.logins();
  expect(await project.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ status: 0 });
  expect(gateways.server.logins()).toBe(last);
});
