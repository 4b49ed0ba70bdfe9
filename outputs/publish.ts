import * as pulumi from "@pulumi/pulumi";
import type { Service } from "../components/backup/service";
import { portOf } from "../components/ha/service";
import { type HostConfiguration, NO_GENERATION } from "../components/host/configuration";
import type { CrossBorderLink } from "../components/link/crossBorderLink";
import type { ReplicatedPostgres } from "../components/postgres/replicatedPostgres";
import type { Traffic } from "../components/traffic/traffic";
import { lagByWay } from "../providers/probes/replicationStatus";
import type { ReplicationGate } from "../providers/replication";
import type { TunnelRtt } from "../providers/tunnelRtt";
import { POSTGRES_SERVICE } from "../settings/postgresRules";
import type { Settings } from "../settings/schema";
import type {
  BackupOutput,
  HaOutput,
  HostOutput,
  LinkOutput,
  PostgresCredentials,
  PostgresFacts,
  PostgresOutput,
  TrafficOutput,
} from "./contract";

/** The link as other stacks see it. */
export function publishLink(
  link: CrossBorderLink,
  gate: TunnelRtt,
  settings: Settings,
): pulumi.Output<LinkOutput> {
  const { verdict, rttMs, underlayRttMs, lossPercent, encrypted, measuredAt } = gate;
  return pulumi.output({
    name: link.name,
    primary: link.primary,
    secondary: link.secondary,
    device: link.device,
    mtu: settings.link.mtu,
    ipsecProfile: settings.link.ipsec.profile,
    budgetMs: settings.gate.budgetMs,
    lossLimitPercent: settings.gate.lossLimitPercent,
    gate: { verdict, rttMs, underlayRttMs, lossPercent, encrypted, measuredAt },
  });
}

/** The backup path as other stacks see it. */
export function publishBackup(
  { backup }: Settings,
  services: readonly Service[],
): pulumi.Output<BackupOutput> {
  if (backup === "off") return pulumi.output(backup);
  return pulumi.output({
    port: backup.port,
    drainSeconds: backup.drainSeconds,
    services: services.map(({ name, localPort, listen, endpoints }) => ({
      name,
      localPort,
      listen,
      sites: Object.keys(endpoints),
    })),
  });
}

/** The pair as other stacks see it. */
export function publishHa({ ha, primary }: Settings, served: readonly Service[]): pulumi.Output<HaOutput> {
  if (ha === "off") return pulumi.output(ha);
  return pulumi.output({
    vip: ha.vip,
    policy: ha.policy,
    primary,
    drainSeconds: ha.drainSeconds,
    services: served.map((service) => ({ name: service.name, port: portOf(service) })),
  });
}

/** The database as other stacks see it, with what its gate measured. */
export function publishPostgres(
  { postgres, primary, sites }: Settings,
  services: readonly Service[],
  gate: ReplicationGate | undefined,
): pulumi.Output<PostgresOutput> {
  const service = services.find(({ name }) => name === POSTGRES_SERVICE);
  if (postgres === "off" || !service || !gate) return pulumi.output("off" as const);
  const { database, port, writers, passwords } = postgres;
  const secondary = Object.keys(sites).find((site) => site !== primary)!;
  const { lagMs, conflicts, tables, unchecked, verdict, measuredAt } = gate;
  return pulumi.output({ lagMs, conflicts, tables, unchecked, verdict, measuredAt }).apply(
    ({ lagMs: lag, ...figures }) =>
      ({
        ...{ database, port, writers, primary, passwords },
        peerPort: service.localPort,
        sites: Object.keys(sites),
        ...figures,
        ...lagByWay({ primary, secondary }, lag),
      }) as PostgresOutput,
  );
}

/** What must be known of the databases to look at them. Secret. */
export function publishFacts(postgres: ReplicatedPostgres | undefined): pulumi.Output<PostgresFacts> {
  const facts: pulumi.Input<PostgresFacts> = postgres ? postgres.facts : "off";
  return pulumi.secret(facts) as pulumi.Output<PostgresFacts>;
}

/** What applications log in with. Secret. */
export function publishCredentials(
  postgres: ReplicatedPostgres | undefined,
): pulumi.Output<PostgresCredentials> {
  return pulumi.secret(postgres?.credentials ?? []) as pulumi.Output<PostgresCredentials>;
}

/** Where users are led, as other stacks see it. */
export function publishTraffic(
  users: Traffic | undefined,
  { traffic }: Settings,
): pulumi.Output<TrafficOutput> {
  if (traffic === "off" || !users) return pulumi.output("off" as const);
  const { name, port, ttlSeconds, split, drain } = traffic;
  return pulumi.output({
    ...{ name, port, ttlSeconds },
    policy: split ? ("split" as const) : ("nearest" as const),
    targets: users.targets.map(({ share = null, ...target }) => ({ ...target, share })),
    drained: drain ?? null,
  });
}

/** Every host with all that it was given, for `npm run verify`. Secret. */
export function publishHosts(configurations: readonly HostConfiguration[]): pulumi.Output<HostOutput[]> {
  const hosts = [...new Map(configurations.map(({ host }) => [host.name, host])).values()];
  return pulumi.secret(
    pulumi.output(
      hosts.map(({ name, connection, machine, outOfService }) => ({
        ...{ name, connection, machine, outOfService },
        components: pulumi
          .output(
            configurations
              .filter(({ host }) => host.name === name)
              .map(({ component, generation }) => ({ component, generation })),
          )
          .apply((given) => given.filter(({ generation }) => generation !== NO_GENERATION)),
      })),
    ),
  ) as pulumi.Output<HostOutput[]>;
}
