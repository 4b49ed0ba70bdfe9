import { z } from "zod";
import { cryptoProfileNames } from "../components/link/ipsec/profiles";
import { HIGHEST_MTU } from "../components/link/mtu";
import { publicKeyOf } from "../providers/identity/keys";
import { address, cidr, decimal, flag, labels, name, oneOf, text, whole } from "./fields";
import { gcp } from "./gcp";
import { postgres } from "./postgres";
import { tencent } from "./tencent";
import { traffic } from "./traffic";

/** How to reach a host that already exists. Its private key comes from `sshPrivateKey` or the connection file. */
const connection = z
  .strictObject({
    host: text("a name or address to dial").describe("Name or address to dial."),
    port: whole(1, 65535, "a TCP port").default(22).describe("TCP port of sshd, as seen from here."),
    user: text("a user name")
      .default("root")
      .describe("Login; anyone but root needs sudo without a password."),
    hostKey: text("a public key as in known_hosts, such as `ssh-ed25519 AAAA…`")
      .regex(/^(ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+/, {
        error: "a public key as in known_hosts, such as `ssh-ed25519 AAAA…`",
      })
      .describe("The host's public key, as in known_hosts. Connections to any other key are refused."),
  })
  .describe("How to reach the host over SSH.");

const gateway = z.strictObject({
  name: name("a host's name").describe("Name of the host within its site, e.g. `gw1`."),
  privateAddress: address().describe("The host's own address in the site's network."),
  interface: text("an interface's name").max(15).describe("The interface that carries `privateAddress`."),
  mtu: whole(1280, 9000, "bytes").default(1500).describe("MTU of that interface's network, in bytes."),
  family: oneOf(["debian", "ubuntu", "rhel", "centos7"])
    .default("debian")
    .describe(
      "Operating system: `debian` 12, `ubuntu` 22.04, `rhel` 9 or one that is built from it, `centos7` 7.9, which is past its end.",
    ),
  connection: connection.optional(),
  connectionFile: text("a path, with #name where the file describes several machines")
    .optional()
    .describe("A JSON file that holds `connection` and `privateKeyFile`, instead of `connection`."),
});

const site = z.strictObject({
  coordinates: z
    .strictObject({
      latitude: decimal(-90, 90, "degrees").describe("Degrees north."),
      longitude: decimal(-180, 180, "degrees").describe("Degrees east."),
    })
    .describe("Where the site stands. Tells how fast light can be."),
  cidr: cidr().describe("The site's private range, announced to the peer."),
  publicAddress: address()
    .optional()
    .describe(
      "The address that the Internet knows the site's gateway by. With `existing` alone: other makers get one.",
    ),
  asn: whole(1, 4294967294, "an autonomous system").describe("The site's BGP autonomous system."),
  outOfService: flag()
    .default(false)
    .describe(
      "The site is dead: deployments leave its hosts as they are and configure the other site alone.",
    ),
  machines: z
    .record(name("a host's name"), whole(1, 9999, "a machine's number"), {
      error: "machines' numbers by the hosts' names",
    })
    .default({})
    .describe(
      "Numbers of machines that took a lost host's place, by the host's name. `npm run replace` gives them.",
    ),
  existing: z
    .strictObject({
      gateways: z
        .array(gateway, { error: "a list of one or two hosts" })
        .min(1, { error: "a list of one or two hosts" })
        .max(2, { error: "a list of one or two hosts" })
        .describe(
          "The hosts for the link, in order of preference. The first carries it; nothing is deployed to a second one yet.",
        ),
    })
    .optional()
    .describe("The site's hosts exist already: bare metal, another cloud, the lab."),
  gcp: gcp.optional(),
  tencent: tencent.optional(),
});

const ipsec = z.strictObject({
  profile: oneOf(cryptoProfileNames)
    .default("modern")
    .describe(
      "Algorithms: `modern` (AES-256-GCM, Curve25519), `cnsa` (AES-256-GCM, P-384), `legacy` (weak).",
    ),
  acknowledgeWeakCrypto: flag()
    .default(false)
    .describe("Needed for profile `legacy`: aes256-sha256-modp1024."),
  psk: z
    .strictObject({
      send: whole(1, 9999, "a key's number").default(1).describe("Number of the pre-shared key in use."),
      accept: z
        .array(whole(1, 9999, "a key's number"), { error: "a list of keys' numbers" })
        .default([])
        .describe("Numbers of keys accepted beside it, during a rotation."),
    })
    .prefault({})
    .describe("Pre-shared keys by number. `npm run rotate -- psk` moves from one to the next."),
  dpdDelaySeconds: whole(1, 300, "seconds")
    .default(10)
    .describe(
      "Silence after which the initiator asks if its peer lives; the responder asks after ten times as long.",
    ),
  retransmitSeconds: decimal(0.5, 60, "seconds")
    .default(2)
    .describe("Time between retransmissions of IKE messages."),
  retransmitTries: whole(1, 50, "tries").default(5).describe("Retransmissions before the peer is given up."),
  ikeRekeyMinutes: whole(5, 1440, "minutes").default(240).describe("Age at which the IKE SA is rekeyed."),
  espRekeyMinutes: whole(1, 1440, "minutes").default(60).describe("Age at which the ESP SA is rekeyed."),
});

const bfd = z.strictObject({
  intervalMs: whole(50, 10000, "ms")
    .default(300)
    .describe("Time between BFD packets, both ways. Below 300 it flaps across oceans."),
  multiplier: whole(2, 255, "packets")
    .default(3)
    .describe("Packets missed in a row that mean the path is down."),
});

const link = z.strictObject({
  network: cidr().default("10.255.0.0/30").describe("The /30 inside gre1."),
  mtu: whole(1280, HIGHEST_MTU, "bytes")
    .default(1380)
    .describe("MTU of gre1. At most what both underlays carry after encryption."),
  ipsec: ipsec.prefault({}).describe("Encryption of the link."),
  bfd: z
    .union([bfd, z.literal("off")], { error: "`off`, or intervalMs and multiplier" })
    .prefault({})
    .describe("Detection of a dead path. `off` leaves it to BGP's hold time."),
  bgp: z
    .strictObject({
      keepaliveSeconds: whole(1, 3600, "seconds").default(10).describe("Time between keepalives."),
      holdSeconds: whole(3, 10800, "seconds")
        .default(30)
        .describe("Silence after which the peer is given up."),
      connectRetrySeconds: whole(1, 120, "seconds").default(1).describe("Time between attempts to connect."),
    })
    .prefault({})
    .describe("BGP timers."),
  confirmWithinSeconds: whole(20, 900, "seconds")
    .default(90)
    .describe("A change of the link undoes itself on a host after this, unless it proved to work."),
});

const access = z.strictObject({
  sshFrom: z
    .array(cidr(), { error: "a list of IPv4 ranges" })
    .min(1, { error: "a list of at least one IPv4 range" })
    .describe("Where SSH to the gateways may come from."),
  sshPort: whole(1, 65535, "a TCP port").default(22).describe("Port that sshd listens on, on the hosts."),
});

const gate = z.strictObject({
  budgetMs: decimal(0.1, 2000, "ms").describe("Highest round trip (p50, over gre1) of a healthy link."),
  lossLimitPercent: decimal(0, 100, "percent").default(1).describe("Highest loss of a healthy link."),
  probes: whole(200, 10000, "probes").default(200).describe("Probes of one measurement."),
  deadlineSeconds: whole(10, 900, "seconds").default(120).describe("Longest wait for BFD and BGP."),
  measure: oneOf(["onChange", "always"])
    .default("onChange")
    .describe("`always` measures at every deployment, not only when the link changed."),
});

const health = z.strictObject({
  intervalSeconds: whole(5, 3600, "seconds").default(15).describe("Time between the gateways' own probes."),
  textfileDirectory: text("an absolute path")
    .regex(/^\//, { error: "an absolute path" })
    .default("/var/lib/prometheus/node-exporter")
    .describe("Where the metrics file for node-exporter's textfile collector goes."),
});

const certificates = z.strictObject({
  lifeDays: whole(7, 397, "days")
    .default(90)
    .describe("Life of the hosts' certificates. Deployments renew them in its last third."),
  generation: whole(1, 9999, "a key's number")
    .default(1)
    .describe("Number of the hosts' keys. `npm run rotate -- certificates` moves to the next."),
  authority: z
    .strictObject({
      issue: whole(1, 9999, "an authority's number")
        .default(1)
        .describe("Number of the authority that issues."),
      trust: z
        .array(whole(1, 9999, "an authority's number"), { error: "a list of authorities' numbers" })
        .default([])
        .describe("Numbers of authorities trusted beside it, during a rotation."),
    })
    .prefault({})
    .describe("Authorities by number. `npm run rotate -- certificates --authority` moves to the next."),
});

const service = z.strictObject({
  port: whole(1, 65535, "a TCP port").describe("TCP port that the service listens on, where it runs."),
  localPort: whole(1, 65535, "a TCP port")
    .optional()
    .describe("Port by which the gateways serve it. Without it: `port` + 10000."),
  listen: oneOf(["gateway", "site"])
    .default("gateway")
    .describe(
      "Who may use the service through a site's gateway: `gateway` its own programs the other site's (127.0.0.1), `site` every host of the site too, and at `port` the site's own.",
    ),
  sites: z
    .record(
      name("a site's name"),
      z.strictObject({
        address: address()
          .optional()
          .describe("Where it runs, in the site's range. Without it: on the gateway, at 127.0.0.1."),
      }),
      { error: "sites by name" },
    )
    .optional()
    .describe("Sites that have the service. Without it: both, on the gateway."),
});

const backup = z.strictObject({
  port: whole(1, 65535, "a TCP port")
    .default(8443)
    .describe("TCP port by which the gateways reach each other's proxy, on the public addresses too."),
  healthCheck: z
    .strictObject({
      intervalMs: whole(100, 10000, "ms")
        .default(500)
        .describe("Time between checks of each path, all the time."),
      timeoutMs: whole(100, 1000, "ms")
        .default(500)
        .describe("Longest wait for the answer over the link; beside it, with its handshakes, it is 1000."),
    })
    .prefault({})
    .describe("Health checks of both paths. Two that fail in a row mean that the path is down."),
  drainSeconds: whole(0, 86400, "seconds")
    .default(300)
    .describe("How long connections stay on the backup path after new ones use the link again."),
  hold: z
    .strictObject({
      windowSeconds: whole(1, 3600, "seconds")
        .default(60)
        .describe("A second cut of the link within this time has new connections held on the backup path."),
      firstSeconds: whole(1, 3600, "seconds")
        .default(60)
        .describe(
          "How long after the link is back they are held the first time; each further time twice as long.",
        ),
      maxSeconds: whole(1, 86400, "seconds").default(900).describe("Longest hold."),
    })
    .prefault({})
    .describe("What keeps a link that comes and goes from taking connections along."),
});

const ha = z.strictObject({
  vip: address()
    .default("10.0.0.100")
    .describe("The service address. Each site's route table sends it to the site's own gateway."),
  services: z
    .array(name("a service's name"), { error: "a list of services' names" })
    .optional()
    .describe("Services answered at the address, each at its own `port`. Without it: all of `services`."),
  policy: oneOf(["both-serve", "primary-only"])
    .default("both-serve")
    .describe(
      "With the link cut: `both-serve` has each site serve its own users, `primary-only` has the secondary be a proxy as long as the primary answers on the backup path.",
    ),
  virtualRouterId: whole(1, 255, "a VRRP router").default(51).describe("VRRP's virtual router."),
  priorities: z
    .strictObject({
      primary: whole(1, 254, "VRRP's priority")
        .default(100)
        .describe("VRRP priority of the primary's gateway."),
      secondary: whole(1, 254, "VRRP's priority")
        .default(90)
        .describe("VRRP priority of the secondary's gateway, below the primary's."),
    })
    .prefault({})
    .describe("Who has the address while both are well."),
  advertIntervalSeconds: decimal(0.1, 40, "seconds")
    .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-9, {
      error: "a number of seconds from 0.1 to 40 in whole hundredths, as VRRP counts them",
    })
    .default(1)
    .describe("Time between VRRP's advertisements. Three that are missed move the address."),
  settleSeconds: whole(0, 3600, "seconds")
    .default(10)
    .describe("How long a gateway that returns has to see the link before it may take the address back."),
  drainSeconds: whole(0, 86400, "seconds")
    .default(30)
    .describe("How long connections at the address stay where they are after it moved."),
  statePort: whole(1, 55535, "a TCP port")
    .default(8851)
    .describe(
      "TCP port of 127.0.0.1 at which the gateways' agents tell each other what they do, and it + 10000.",
    ),
});

const PRIVATE_KEY = "a private key in OpenSSH or PEM format, whole and without a passphrase";

function isPrivateKey(value: string): boolean {
  try {
    return publicKeyOf(value) !== "";
  } catch {
    return false;
  }
}

/**
 * Every setting of the program, by its key in the `crossborder` namespace. The docs and the editor's schema are made
 * from this value.
 */
export const schema = {
  primary: name("a site's name").describe("Name of the primary site: it starts the IPsec connection."),
  sites: z
    .record(name("a site's name"), site, { error: "two sites by name" })
    .refine((sites) => Object.keys(sites).length === 2, { error: "exactly two sites by name" })
    .describe("The two sites by name, each made by exactly one of `existing`, `gcp` and `tencent`."),
  labels: labels().default({}).describe("Labels of all that is made in clouds, beside the program's own."),
  protect: flag()
    .default(true)
    .describe(
      "Addresses, disks, machines and the users' name made in clouds are neither deleted nor replaced, as long as this is on.",
    ),
  link: link.prefault({}).describe("The link between the sites."),
  access: access.describe("Who may manage the hosts."),
  gate: gate.describe("What a deployment demands of the link."),
  health: health.prefault({}).describe("The gateways' own probing of the link."),
  certificates: certificates
    .prefault({})
    .describe("Certificates with which the hosts prove who they are to each other."),
  services: z
    .record(name("a service's name"), service, { error: "services by name" })
    .refine((services) => Object.keys(services).length <= 16, { error: "at most 16 services by name" })
    .default({})
    .describe("TCP services of a site that the other site uses through its own gateway."),
  backup: z
    .union([backup, z.literal("off")], { error: "`off`, or the backup path's own settings" })
    .default("off")
    .describe("The way for `services` while the link is down: mutual TLS between the public addresses."),
  ha: z
    .union([ha, z.literal("off")], { error: "`off`, or the pair's own settings" })
    .default("off")
    .describe("One address for both sites' services, which moves when a site dies. Needs `backup`."),
  postgres: z
    .union([postgres, z.literal("off")], { error: "`off`, or the database's own settings" })
    .default("off")
    .describe("PostgreSQL on both sites' gateways, replicated both ways."),
  traffic: z
    .union([traffic, z.literal("off")], { error: "`off`, or the users' traffic's own settings" })
    .default("off")
    .describe("A DNS name that leads users to the nearest site that is well."),
  emulated: flag()
    .default(false)
    .describe("The sites are not where their coordinates say: physics doesn't bound the budget."),
  sshPrivateKey: text(PRIVATE_KEY)
    .refine(isPrivateKey, { error: PRIVATE_KEY })
    .optional()
    .describe("Secret. The key to the hosts, OpenSSH or PEM format, without a passphrase."),
  webhook: z
    .url({ protocol: /^https$/, error: "an https URL" })
    .optional()
    .describe(
      "Secret. Called by the gateways when the state of the link, of the backup path, of the pair or of a database changes.",
    ),
} as const;

/** Keys whose values never appear in a message. */
export const secretKeys: ReadonlySet<string> = new Set<keyof typeof schema>(["sshPrivateKey", "webhook"]);

/** The whole as one schema, for documents and editors. */
export const settingsSchema = z.strictObject(schema);

/** The settings, validated and with defaults filled in. */
export type Settings = z.output<typeof settingsSchema>;
export type SiteSettings = Settings["sites"][string];
export type GatewaySettings = NonNullable<SiteSettings["existing"]>["gateways"][number];
export type LinkSettings = Settings["link"];
export type IpsecSettings = LinkSettings["ipsec"];
export type GateSettings = Settings["gate"];
export type HealthSettings = Settings["health"];
export type CertificateSettings = Settings["certificates"];
export type BackupSettings = Exclude<Settings["backup"], "off">;
export type HaSettings = Exclude<Settings["ha"], "off">;
export type TrafficSettings = Exclude<Settings["traffic"], "off">;
export type PostgresSettings = Exclude<Settings["postgres"], "off">;
export type BaseBackupSettings = Exclude<PostgresSettings["backups"], "off">;
export type BfdSettings = Exclude<LinkSettings["bfd"], "off">;
