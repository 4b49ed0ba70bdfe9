import { execFile, execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COUNTERS } from "../../../../providers/probes/facts";

const COMPONENTS = join(__dirname, "../../../../components");
const HEALTH = join(COMPONENTS, "link/health");

/** What the stub daemons of a gateway answer. */
export interface Daemons {
  readonly bfd: string;
  readonly bgp: string;
  /** Round trips of a ping's probes, ms; null for a lost one. */
  readonly rttsMs: readonly (number | null)[];
  readonly ike: boolean;
}

export const healthy: Daemons = {
  bfd: "up",
  bgp: "Established",
  rttsMs: [84, 85, 84, 86, 84, 85, 84, 86, 84, 90],
  ike: true,
};

function script(text: string): string {
  return `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`;
}

/** A gateway in a directory: stub tools first on PATH, and the probe as it is installed. */
export class Gateway {
  readonly root = mkdtempSync(join(tmpdir(), "crossborder-health-"));
  readonly directory = join(this.root, "health");
  readonly metricsFile = join(this.root, "metrics", "crossborder_link.prom");
  private readonly bin = join(this.root, "bin");
  private readonly configuration = join(this.root, "link-health.json");
  private readonly settings: Record<string, unknown>;
  private readonly environment: Record<string, string> = {};

  constructor(changes: Record<string, unknown> = {}) {
    mkdirSync(this.bin);
    const link = {
      interface: "lo",
      mtu: 1380,
      peerLinkAddress: "10.255.0.2",
      peerPublicAddress: "203.0.113.10",
      peerCidr: "10.20.0.0/24",
      ikeConnection: "peer",
      childSa: "gre",
      nftTable: "crossborder",
      counters: Object.values(COUNTERS),
      credentialsMarker: this.configuration,
    };
    this.settings = {
      name: "la-sg",
      site: "la",
      host: "la-gw1",
      link,
      bfd: true,
      budgetMs: 100,
      lossLimitPercent: 1,
      probes: 10,
      intervalMs: 100,
      keepHours: 24,
      directory: this.directory,
      metricsFile: this.metricsFile,
      webhook: null,
    };
    this.configure(changes);
    this.set(healthy);
  }

  configure(changes: Record<string, unknown>): void {
    Object.assign(this.settings, changes);
    writeFileSync(this.configuration, JSON.stringify(this.settings));
  }

  private tool(name: string, text: string): void {
    writeFileSync(join(this.bin, name), text);
    chmodSync(join(this.bin, name), 0o755);
  }

  set(daemons: Daemons): void {
    const session = {
      peer: "10.255.0.2",
      status: daemons.bfd,
      uptime: 9,
      diagnostic: "ok",
      "remote-diagnostic": "ok",
    };
    const neighbour = {
      bgpState: daemons.bgp,
      addressFamilyInfo: { ipv4Unicast: { acceptedPrefixCounter: 1 } },
    };
    this.tool(
      "vtysh",
      script(`${JSON.stringify([session])}\n${JSON.stringify({ "10.255.0.2": neighbour })}`),
    );
    const sa =
      "list-sa event {peer {uniqueid=3 version=2 state=ESTABLISHED established=791 encr-alg=AES_GCM_16 child-sas {gre-4 {name=gre uniqueid=4 state=INSTALLED mode=TRANSPORT encap=yes packets-in=10 packets-out=12 install-time=79 local-ts=[10.10.0.2/32[gre]] remote-ts=[203.0.113.10/32[gre]]}}}}\n";
    this.tool("swanctl", script(`${daemons.ike ? sa : ""}list-sas reply {}`));
    const counters = Object.values(COUNTERS).map((name, packets) => ({
      counter: { family: "inet", name, table: "crossborder", packets, bytes: 0 },
    }));
    this.tool("nft", script(JSON.stringify({ nftables: [{ metainfo: { version: "1.0.6" } }, ...counters] })));
    this.tool("ip", script("10.20.0.0/24 nhid 12 via 10.255.0.2 dev gre1 proto bgp metric 20"));
    this.tool("journalctl", script("retransmit 2 of request with message ID 0"));
    const lines = daemons.rttsMs.flatMap((rtt, i) =>
      rtt === null ? [] : [`64 bytes from 10.255.0.2: icmp_seq=${i + 1} ttl=64 time=${rtt} ms`],
    );
    const count = daemons.rttsMs.length;
    const ping = script([...lines, "", `${count} packets transmitted, ${lines.length} received`].join("\n"));
    this.tool("ping", lines.length > 0 ? ping : `${ping}exit 1\n`);
  }

  /** Sets what a tool does by a shell script of its own. */
  breakTool(name: string, text: string): void {
    this.tool(name, `#!/bin/sh\n${text}\n`);
  }

  trust(certificateFile: string): void {
    this.environment["SSL_CERT_FILE"] = certificateFile;
  }

  /** One run of the timer. Returns what went to the journal. */
  async run(daemons?: Daemons): Promise<string> {
    if (daemons) this.set(daemons);
    return (await this.python("run")).stderr;
  }

  async summary(): Promise<unknown> {
    return JSON.parse((await this.python("summary")).stdout);
  }

  /** What a measurement's look or burst sees. */
  async probe(verb: "state" | "burst"): Promise<Record<string, unknown>> {
    const input = { ...(this.settings["link"] as object), probes: 10, intervalMs: 20 };
    return JSON.parse((await this.python(verb, "link_probe.py", JSON.stringify(input))).stdout) as Record<
      string,
      unknown
    >;
  }

  private python(
    verb: string,
    program = "link_health.py",
    argument = this.configuration,
  ): Promise<{ stdout: string; stderr: string }> {
    const env = {
      ...this.environment,
      PATH: `${this.bin}:${process.env["PATH"]}`,
      PYTHONDONTWRITEBYTECODE: "1",
      // On a gateway they lie in one directory.
      PYTHONPATH: join(COMPONENTS, "host"),
    };
    return new Promise((resolve, reject) =>
      execFile("python3", [join(HEALTH, program), verb, argument], { env }, (error, stdout, stderr) =>
        error ? reject(error) : resolve({ stdout, stderr }),
      ),
    );
  }

  memory(): { state: string; reason: string; pending: unknown[] } {
    return JSON.parse(readFileSync(join(this.directory, "state.json"), "utf8")) as ReturnType<
      Gateway["memory"]
    >;
  }

  metrics(): string {
    return existsSync(this.metricsFile) ? readFileSync(this.metricsFile, "utf8") : "";
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** An operator's webhook: an HTTPS server on loopback with a certificate of its own. */
export class Webhook {
  readonly received: Record<string, unknown>[] = [];
  /** What it answers. */
  status = 204;
  readonly certificateFile: string;
  private readonly server: Server;

  constructor(directory: string) {
    const key = join(directory, "webhook.key");
    this.certificateFile = join(directory, "webhook.crt");
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const kind = [
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", this.certificateFile, ...subject], {
      stdio: "ignore",
    });
    this.server = createServer(
      { key: readFileSync(key), cert: readFileSync(this.certificateFile) },
      (request, response) => {
        let body = "";
        request.on("data", (data: Buffer) => (body += data.toString()));
        request.on("end", () => {
          if (this.status < 300) this.received.push(JSON.parse(body) as Record<string, unknown>);
          response.writeHead(this.status, { location: "https://localhost:1/elsewhere" }).end();
        });
      },
    );
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "localhost", resolve));
    return `https://localhost:${(this.server.address() as AddressInfo).port}/hooks/t0ken-of-the-operator`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
