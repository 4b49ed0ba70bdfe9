import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrapCommand, bootstrapRequest } from "../../components/host/installer";
import type { Manifest } from "../../components/host/manifest";
import { WHOLE_FILE } from "../../components/backup/manifest";
import { everything, ipsec } from "../../drills/faults";
import { sites } from "../../lab/network/plan";
import { run } from "../../lab/sessions";
import { type BackupStatus, readBackup, type SiteBackup } from "../../providers/probes/backupPath";
import { exitStatus, linkStatus } from "../../providers/probes/status";
import type { LinkFacts } from "../../providers/probes/facts";
import type { Session } from "../../providers/ssh/session";
import { deployedLab, outputs } from "./support/deployed";
import { deploy } from "./support/deployment";
import { eventually, type Lab, labTimeoutMs } from "./support/lab";

const minute = 60_000;

/** The test's service: it says which site it stands in, and echoes. */
const port = 7007;
const localPort = 17007;
/** Another, which answers with some bytes and closes first, whatever its client does. */
const closing = { port: 7008, localPort: 17008, bytes: 100_000 };
const wholeAnswers: readonly number[] = Array<number>(5).fill(closing.bytes);
/** Longer than it takes to see on a slow computer that both sites are back. */
const drainSeconds = 15;
/** Where the gateways reach each other's proxy on the public way. */
const publicPort = 8443;
/** The certificate and key of Singapore's gateway, on it. */
const OWN_LEAF = "/etc/crossborder/pki/sg-gw1/leaf.pem";
const settings = {
  "services.echo": { port },
  "services.once": { port: closing.port },
  backup: {
    port: publicPort,
    // What an emulated processor takes for an answer varies by more than production's 500 ms.
    healthCheck: { intervalMs: 1000, timeoutMs: 1000 },
    drainSeconds,
    hold: { windowSeconds: 60, firstSeconds: 20, maxSeconds: 60 },
  },
};

let l: Lab;
let facts: LinkFacts;

beforeAll(async () => {
  l = await deployedLab("link");
  for (const [site, host] of [
    ["la", l.la],
    ["sg", l.sg],
  ] as const) {
    const listen = (at: number) => `TCP-LISTEN:${at},bind=127.0.0.1,reuseaddr,fork`;
    await host.exec("systemctl stop test-echo.service test-once.service");
    await run(
      host,
      `systemd-run --collect --unit=test-echo socat ${listen(port)} SYSTEM:'echo from-${site}; cat' && ` +
        `systemd-run --collect --unit=test-once socat ${listen(closing.port)} ` +
        `SYSTEM:'head -c ${closing.bytes} /dev/zero'`,
    );
  }
  await deploy(settings);
  facts = (await outputs()).linkFacts;
}, labTimeoutMs);
afterAll(() => l.close());

function states(): Promise<BackupStatus> {
  return readBackup(facts, { initiator: l.la, responder: l.sg });
}

/** What a site's gateway says of its connections to the other site's echo. */
async function echoOf(site: string): Promise<SiteBackup["services"][number]> {
  return (await states())[site]!.services.find(({ name }) => name === "echo")!;
}

/** Waits until both sites are in a state. */
async function bothAre(state: SiteBackup["state"], deadlineMs: number): Promise<void> {
  await eventually(
    `the backup path is ${state} on both sites`,
    async () => Object.values(await states()).every((site) => site.state === state),
    deadlineMs,
  );
}

/** Waits until the link carries and nothing that came before a cut would have it held. */
async function isCalm(): Promise<void> {
  await eventually(
    "the backup path stands by on both sites, and is calm",
    async () => Object.values(await states()).every((site) => site.state === "standby" && site.calm),
    3 * minute,
    1000,
  );
}

/**
 * Waits until nothing that was sent between the proxies on the public way waits to be sent again: connections that went dark and have
 * not been given up yet are ended, with the tunnels in them, by the questions that got no answer.
 */
async function publicIsQuiet(): Promise<void> {
  // Those over the link, 10.255.0.0/24, wait as long as it is cut.
  const filter = `'( sport = :${publicPort} or dport = :${publicPort} ) and not dst 10.255.0.0/24'`;
  const waiting = `ss -tnHo state established ${filter} | grep -c 'timer:(on' || true`;
  await eventually(
    "what was sent on the public way has arrived",
    async () => (await run(l.la, waiting)).trim() === "0" && (await run(l.sg, waiting)).trim() === "0",
    20_000,
  );
}

/** Asks the other site's service by a connection of its own. */
async function ask(from: Session): Promise<string> {
  const { stdout } = await from.exec(`printf hello | timeout 5 socat -t 4 - TCP:127.0.0.1:${localPort}`);
  return stdout.trim();
}

/** Bytes that arrive of the answers of the service that closes first, for five connections that ended in order. */
async function answers(from: Session): Promise<number[]> {
  const take = `timeout 10 socat -u TCP:127.0.0.1:${closing.localPort} OPEN:/run/test-answer,creat,trunc`;
  const { stdout } = await from.exec(`for i in 1 2 3 4 5; do ${take} && stat -c %s /run/test-answer; done`);
  return stdout.trim().split("\n").map(Number);
}

/** Opens a connection that is used once a second until somebody ends it. */
async function hold(
  from: Session,
  name: string,
): Promise<{ lives(): Promise<boolean>; end(): Promise<void> }> {
  const unit = `test-${name}`;
  // A service ignores SIGPIPE (systemd.exec(5)): what ends the loop is that nobody takes the echo.
  const use = `(while sleep 1 && echo x; do :; done) | exec socat - TCP:127.0.0.1:${localPort}`;
  await run(from, `systemd-run --collect --unit=${unit} sh -c '${use}'`);
  return {
    lives: async () => (await from.exec(`systemctl is-active --quiet ${unit}`)).status === 0,
    end: async () => void (await from.exec(`systemctl stop ${unit}`)),
  };
}

test(
  "it stands by while the link carries: both ways are checked, and requests go by the link",
  async () => {
    await bothAre("standby", 30_000);
    expect(await states()).toMatchObject({
      la: { link: true, public: true },
      sg: { link: true, public: true },
    });
    expect(await ask(l.la)).toBe("from-sg\nhello");
    expect(await ask(l.sg)).toBe("from-la\nhello");
    expect(await answers(l.la)).toEqual(wholeAnswers);
    const connection = await hold(l.la, "by-link");
    await eventually(
      "the connection is counted on the link",
      async () => (await echoOf("la")).connections.link === 1,
      10_000,
    );
    expect((await echoOf("la")).connections.backup).toBe(0);
    await connection.end();
    expect(exitStatus(await linkStatus(facts, { backup: true }))).toBe(0);
  },
  3 * minute,
);

test(
  "a cut of the link moves connections to the public way, and its return moves them back",
  async () => {
    await isCalm();
    const before = await hold(l.la, "before-cut");
    const served = "ss -tnH state established 'sport = :" + localPort + " and dst = 10.255.0.1' | wc -l";
    await eventually(
      "the other gateway serves it",
      async () => (await run(l.sg, served)).trim() === "1",
      10_000,
    );
    await l.ocean.cut(ipsec);
    await eventually("a request succeeds", async () => (await ask(l.la)) === "from-sg\nhello", 5000);
    await bothAre("active", 20_000);
    // Nobody tells it: what the client's gateway sends is lost with the link.
    await eventually(
      "the other gateway has ended it",
      async () => (await run(l.sg, served)).trim() === "0",
      10_000,
    );
    await before.end();
    expect(await ask(l.sg)).toBe("from-la\nhello");
    for (const from of [l.la, l.sg]) expect(await answers(from)).toEqual(wholeAnswers);

    // The tunnels' connection stands. The peer dies: nobody is left hanging in it until the next ping.
    await l.ocean.force([everything]);
    const hanging = await l.la.exec(`timeout 5 socat -u TCP:127.0.0.1:${localPort} -`);
    await l.ocean.force([ipsec]);
    expect(hanging).toMatchObject({ status: 0, stdout: "" });
    await bothAre("active", 20_000);
    await publicIsQuiet();

    const old = await hold(l.la, "by-backup");
    await eventually(
      "the connection is counted on the backup path",
      async () => (await echoOf("la")).connections.backup === 1,
      10_000,
    );

    await l.ocean.heal();
    // Promised: 10 s. The emulated machines get half as much again.
    await bothAre("standby", 15_000);
    expect(await old.lives()).toBe(true);
    const connection = await hold(l.la, "after-heal");
    await eventually(
      "a new connection uses the link",
      async () => (await echoOf("la")).connections.link === 1,
      10_000,
    );
    await eventually(
      "the old connection was ended",
      async () => !(await old.lives()),
      (drainSeconds + 10) * 1000,
    );
    expect(await connection.lives()).toBe(true);
    await connection.end();
  },
  6 * minute,
);

test(
  "a second cut within a minute holds new connections on the public way for a while",
  async () => {
    await isCalm();
    await l.ocean.cutFor(ipsec, 10);
    await eventually(
      "the link is back on both sites",
      async () => Object.values(await states()).every(({ link }) => link === true),
      30_000,
    );
    await l.ocean.cutFor(ipsec, 10);
    await bothAre("held", 30_000);
    const connection = await hold(l.la, "while-held");
    await eventually(
      "a new connection is on the backup path",
      async () => (await echoOf("la")).connections.backup >= 1,
      10_000,
    );
    await connection.end();
    await bothAre("standby", 2 * minute);
  },
  8 * minute,
);

/** What the proxy says of refusals it writes every 10 s (Envoy's `--file-flush-interval-msec`). */
const flushedMs = 30_000;

/** What the proxy in Los Angeles has refused since a moment, in s since 1970 by its clock. */
function refusedSince(since: string): Promise<string> {
  return run(
    l.la,
    `journalctl -u crossborder-proxy -o cat --no-pager --since @${since.trim()} | grep ^refused: || true`,
  );
}

test(
  "the public port is for the peer's certificate alone, and tells in the journal whom it refused",
  async () => {
    const target = `${sites.la.publicGateway}:8443`;
    // In TLS 1.3 a refusal comes after the client's own handshake is over.
    const shake = (options: string) =>
      run(l.sg, `sleep 3 | openssl s_client -connect ${target} -tls1_3 -alpn h2 ${options} 2>&1 || true`);
    const stranger = "/run/test-stranger.pem";
    await run(
      l.sg,
      `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=sg-gw1.crossborder.internal ` +
        `-addext subjectAltName=DNS:sg-gw1.crossborder.internal -keyout ${stranger} -out ${stranger}.crt 2>/dev/null && ` +
        `cat ${stranger}.crt >>${stranger}`,
    );
    const since = await run(l.la, "date +%s");
    expect(await shake(`-cert ${OWN_LEAF} -key ${OWN_LEAF}`)).not.toMatch(/alert/);
    expect(await refusedSince(since)).toBe("");
    expect(await shake(`-cert ${stranger} -key ${stranger}`)).toMatch(/alert/);
    expect(await shake("")).toMatch(/alert/);
    const who = `refused: ${sites.sg.publicGateway}:\\d+ is not sg-gw1\\.crossborder\\.internal`;
    await eventually(
      "both refusals are in the journal",
      async () =>
        new RegExp(`${who}: .*CERTIFICATE_VERIFY_FAILED[^]*${who}: .*PEER_DID_NOT_RETURN_A_CERTIFICATE`).test(
          await refusedSince(since),
        ),
      flushedMs,
    );
  },
  2 * minute,
);

test(
  "the peer's certificate leads to no service that the settings don't name, and who asks is told of in the journal",
  async () => {
    const program = readFileSync(join(__dirname, "support", "tunnel.py"), "utf8");
    const ask = async (name: string) =>
      (
        await run(l.sg, `python3 - ${sites.la.publicGateway} 8443 ${OWN_LEAF} ${name}`, { stdin: program })
      ).trim();
    const since = await run(l.la, "date +%s");
    expect(await ask("echo")).toBe("200");
    for (const name of ["secrets", "127.0.0.1:22", `localhost:${port}`]) expect(await ask(name)).toBe("404");
    await eventually(
      "each refusal is in the journal",
      async () => {
        const told = await refusedSince(since);
        return ["secrets", "127.0.0.1:22", `localhost:${port}`].every((name) =>
          told.includes(` asked for ${name}, which is no service of this site`),
        );
      },
      flushedMs,
    );
  },
  2 * minute,
);

test(
  "hosts that are not the peer's gateway don't reach the public port",
  async () => {
    const connect = `timeout 5 socat -u /dev/null TCP:${sites.la.publicGateway}:8443,connect-timeout=3`;
    expect((await l.sg.exec(connect)).status).toBe(0);
    expect((await l.on("client-sg", connect)).status).not.toBe(0);
  },
  minute,
);

test(
  "a configuration that Envoy's own parser rejects leaves the host untouched",
  async () => {
    const said = await run(l.la, "ls -d /var/lib/crossborder/backup/generations/* | tail -1");
    const manifest = JSON.parse(await run(l.la, `cat ${said.trim()}/manifest.json`)) as Manifest;
    const files = manifest.files.map((file) =>
      file.path === WHOLE_FILE ? { ...file, content: '{"static_resources": {"clusters": [{}]}}' } : file,
    );
    const request = bootstrapRequest("apply", "backup-la-gw1", "0".repeat(32), { ...manifest, files });
    const { status, stderr } = await l.la.exec(bootstrapCommand("root"), { stdin: request });
    expect(status).toBe(1);
    expect(stderr).toMatch(/envoy reads the proxy's configuration/);
    expect(await ask(l.la)).toBe("from-sg\nhello");
  },
  2 * minute,
);

test(
  "it comes back after its proxy was killed, and starts at boot",
  async () => {
    await run(l.sg, "systemctl kill --signal=KILL crossborder-proxy.service");
    await eventually(
      "requests succeed again",
      async () => (await ask(l.la)) === "from-sg\nhello",
      2 * minute,
    );
    await bothAre("standby", 2 * minute);
    expect(
      (await l.sg.exec("systemctl is-enabled crossborder-proxy.service crossborder-backup.service")).status,
    ).toBe(0);
  },
  4 * minute,
);
