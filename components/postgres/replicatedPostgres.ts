import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ReplicationFacts } from "../../providers/postgres/facts";
import type { HealthSettings, PostgresSettings } from "../../settings/schema";
import { Component } from "../component";
import { HostConfiguration } from "../host/configuration";
import type { Host } from "../host/host";
import type { Manifest } from "../host/manifest";
import type { HostCertificate } from "../pki/certificates";
import type { Site } from "../sites/site";
import {
  POSTGRES_COMPONENT,
  type PostgresInputs,
  postgresManifest,
  REPLICATION_COMPONENT,
  replicationManifest,
} from "./manifest";
import { SOCKET_DIRECTORY } from "./paths";
import { type Application, applicationsOf, type Endpoint, loginOf, type PostgresNode } from "./plan";
import type { Verifiers } from "./roles";
import { scramVerifier } from "./scram";

/** Characters of an application's password: 24 random ones of 62 hold 142 bits. */
const PASSWORD_LENGTH = 24;
/** Of a verifier's salt, as PostgreSQL's own. */
const SALT_BYTES = 16;

export interface ReplicatedPostgresArgs {
  /** The site that the first copy comes from; with one writer, the one that writes. */
  readonly primary: Site;
  readonly secondary: Site;
  readonly postgres: PostgresSettings;
  /** By the site's name: where its gateway reaches the other site's PostgreSQL, e.g. a proxy's listener. */
  readonly replicationEndpoints: Readonly<Record<string, Endpoint>>;
  /** The certificates of the hosts that have PostgreSQL. */
  readonly certificates: readonly HostCertificate[];
  readonly health: Pick<HealthSettings, "textfileDirectory">;
  /** Whether the hosts are a pair that has the database's heartbeats (`POSTGRES_HEARTBEATS`). @default false */
  readonly paired?: boolean;
  /** Called by the hosts when their state changes. A secret. */
  readonly webhook?: pulumi.Input<string>;
}

/** What an application logs in with. The password is a secret. */
export interface Credentials {
  readonly application: string;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** One site's part, before the other's is known. */
interface Part {
  readonly host: Host;
  readonly node: PostgresNode;
  readonly certificate: HostCertificate;
}

/**
 * One database on two sites: PostgreSQL on each site's gateway, replicated both ways by pglogical, with the last update of a row
 * winning. What that promises and what it can't is in docs/postgres.md.
 */
export class ReplicatedPostgres extends Component {
  readonly database: string;
  readonly port: number;
  /** What each application logs in with now. Secret. */
  readonly credentials: pulumi.Output<Credentials[]>;
  /** What must be known of the databases to look at them. Secret. */
  readonly facts: pulumi.Output<ReplicationFacts>;
  /** What each host was given: servers, then subscriptions. */
  readonly hosts: readonly HostConfiguration[];
  /** Changes whenever the database's configuration on the hosts does. Known once replication is set up both ways. */
  readonly fingerprint: pulumi.Output<string>;

  constructor(name: string, args: ReplicatedPostgresArgs, options?: pulumi.ComponentResourceOptions) {
    super("ReplicatedPostgres", name, {}, options);
    const settings = args.postgres;
    const applications = applicationsOf(settings);
    this.database = settings.database;
    this.port = settings.port;
    const passwords = this.passwords(settings, applications);
    const verifiers = this.verifiers(applications, passwords);

    const primary = this.part(args, args.primary, true);
    const secondary = this.part(args, args.secondary, false);
    const inputs = (local: Part, peer: Part): pulumi.Output<PostgresInputs> =>
      pulumi.all([verifiers, local.certificate.serial, args.webhook]).apply(([known, serial, webhook]) => ({
        view: { local: local.node, peer: peer.node },
        host: local.host.name,
        family: local.host.family,
        settings,
        certificate: { paths: local.certificate.paths, serial },
        verifiers: known,
        health: args.health,
        paired: args.paired ?? false,
        ...(webhook !== undefined && { webhook }),
      }));

    const servers = [
      this.configure(primary, POSTGRES_COMPONENT, inputs(primary, secondary).apply(postgresManifest)),
      this.configure(secondary, POSTGRES_COMPONENT, inputs(secondary, primary).apply(postgresManifest)),
    ];
    const subscribe = (local: Part, peer: Part, after: readonly HostConfiguration[]): HostConfiguration =>
      this.configure(
        local,
        REPLICATION_COMPONENT,
        inputs(local, peer).apply(replicationManifest),
        after,
        // A site without its peer has nobody to subscribe to, and goes on from what it has.
        peer.host.outOfService,
      );
    // The source listens first: what the copying site writes once it has its copy finds somebody who wants it.
    const [source, copying] = primary.node.copies ? [secondary, primary] : [primary, secondary];
    const first = subscribe(source, copying, servers);
    const second = subscribe(copying, source, [...servers, first]);

    this.facts = this.look(settings, primary, secondary);
    this.hosts = [...servers, first, second];
    this.fingerprint = pulumi
      .all(this.hosts.map(({ fingerprint }) => fingerprint))
      .apply((fingerprints) => fingerprints.join("+"));
    this.credentials = pulumi.secret(
      passwords.apply((known) =>
        applications.map(({ role }) => {
          const user = loginOf(role, settings.passwords.use);
          return { application: role, database: settings.database, user, password: known[user]! };
        }),
      ),
    );
    this.registerOutputs({ database: this.database, fingerprint: this.fingerprint });
  }

  private look(settings: PostgresSettings, primary: Part, secondary: Part): pulumi.Output<ReplicationFacts> {
    const { database, port, gate } = settings;
    const end = ({ host, node }: Part) => ({
      site: node.site,
      host: host.name,
      connection: host.connection,
      ...(host.outOfService && { outOfService: true as const }),
    });
    return pulumi.secret(
      pulumi.output({
        name: `${primary.node.site}-${secondary.node.site}`,
        primary: end(primary),
        secondary: end(secondary),
        ...{ database, port, socket: SOCKET_DIRECTORY, lagBudgetMs: gate.lagBudgetMs },
        compareLimitBytes: gate.compareLimitMb * 2 ** 20,
      }),
    ) as pulumi.Output<ReplicationFacts>;
  }

  /** One password for each number that is in use or accepted, by login; it lives as long as its number is named. */
  private passwords(
    { passwords: { use, accept } }: PostgresSettings,
    applications: readonly Application[],
  ): pulumi.Output<Record<string, string>> {
    const made = applications.flatMap(({ role }) =>
      [use, ...accept].map((number) => {
        const password = new random.RandomPassword(
          this.childName(`${role}-password-${number}`),
          { length: PASSWORD_LENGTH, special: false },
          this.child(),
        );
        return password.result.apply((value): [string, string] => [loginOf(role, number), value]);
      }),
    );
    return pulumi.secret(pulumi.all(made).apply((pairs) => Object.fromEntries(pairs)));
  }

  private verifiers(
    applications: readonly Application[],
    passwords: pulumi.Output<Record<string, string>>,
  ): pulumi.Output<Verifiers> {
    const salts = applications.flatMap(({ role, logins }) =>
      logins.flatMap((login) => {
        if (login.password === undefined) return [];
        const salt = new random.RandomBytes(
          this.childName(`${role}-salt-${login.password}`),
          { length: SALT_BYTES },
          this.child(),
        );
        return [salt.base64.apply((value): [string, string] => [login.role, value])];
      }),
    );
    return pulumi.secret(
      pulumi
        .all([passwords, pulumi.all(salts)])
        .apply(([known, pairs]) =>
          Object.fromEntries(pairs.map(([login, salt]) => [login, scramVerifier(known[login]!, salt)])),
        ),
    );
  }

  private part(args: ReplicatedPostgresArgs, site: Site, primary: boolean): Part {
    const host = site.gateways[0];
    if (!host) throw new Error(`site ${site.name} has no gateway to carry PostgreSQL`);
    const certificate = args.certificates.find((candidate) => candidate.host === host.name);
    if (!certificate) throw new Error(`host ${host.name} has no certificate`);
    const peerEndpoint = args.replicationEndpoints[site.name];
    if (!peerEndpoint) throw new Error(`site ${site.name} has no way to the other site's PostgreSQL`);
    const other = primary ? args.secondary : args.primary;
    const machines = [host.machine, other.gateways[0]?.machine ?? 1] as const;
    const node: PostgresNode = {
      site: site.name,
      number: site.name < other.name ? 1 : 2,
      primary,
      // Machines that took a host's place are numbered over both sites: the higher one came later, with nothing on it.
      copies: machines[0] === machines[1] ? !primary : machines[0] > machines[1],
      dnsName: certificate.dnsName,
      peerEndpoint,
    };
    return { host, node, certificate };
  }

  private configure(
    { host }: Part,
    component: string,
    manifest: pulumi.Output<Manifest>,
    after: readonly HostConfiguration[] = [],
    untouched = false,
  ): HostConfiguration {
    const suffix = component === POSTGRES_COMPONENT ? host.name : `${host.name}-replication`;
    return new HostConfiguration(
      this.childName(suffix),
      { host, component, manifest, phase: "apply", untouched },
      this.child({ dependsOn: after.map(({ resource }) => resource) }),
    );
  }
}
