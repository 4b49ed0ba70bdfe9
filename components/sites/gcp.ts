import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { GcpSettings } from "../../settings/gcp";
import { familyOfImage } from "../../settings/gcpCatalogue";
import { Component } from "../component";
import type { Host } from "../host/host";
import { type CloudSiteArgs, type CommonSettings, destinationsOf } from "./cloud";
import { admissions, type Role } from "./gcp/firewall";
import { GcpMachine } from "./gcp/machine";
import { GcpNetwork, tagOf } from "./gcp/network";
import { GcpNextHop } from "./gcp/nextHop";
import { nextHopAddress, planMachines, type PlannedMachine } from "./gcp/plan";
import { cloudName, labelsOf, type Owner } from "./naming";
import { type Admission, type Coordinates, openToUsers, type Site } from "./site";

export interface GcpSiteArgs extends CloudSiteArgs {
  readonly settings: CommonSettings & { readonly gcp: GcpSettings };
}

/** A machine of the site that is no gateway. */
export interface GcpHost {
  /** `<site>-<name>` */
  readonly name: string;
  readonly privateAddress: string;
}

/** A site that is made on Google Cloud: a network, its gateways and other machines, and the way to the other site. */
export class GcpSite extends Component implements Site {
  readonly name: string;
  readonly coordinates: Coordinates;
  readonly cidr: string;
  readonly asn: number;
  readonly publicAddress: pulumi.Output<string>;
  readonly gateways: readonly Host[];
  readonly admits: readonly Admission[];
  /** The other machines. They stand in the network and run nothing of this program. */
  readonly hosts: readonly GcpHost[];

  /** @param name The site's short name, e.g. `la`. */
  constructor(name: string, args: GcpSiteArgs, options?: pulumi.ComponentResourceOptions) {
    super("GcpSite", name, {}, options);
    const { cidr, coordinates, asn, gcp: settings } = args.settings;
    const { project, region } = settings;
    this.name = name;
    this.coordinates = coordinates;
    this.cidr = cidr;
    this.asn = asn;
    const { publicPorts = [] } = args;
    const admits = admissions({
      iap: settings.ssh.iap,
      sshPort: args.sshPort,
      gateways: settings.gateways,
    });
    this.admits = [...admits, ...openToUsers(publicPorts)];
    const owner: Owner = { stack: args.stack, site: name, labels: args.labels };
    const plan = planMachines(cidr, settings);
    const surroundings = new GcpNetwork(
      this.childName("network"),
      {
        ...{ owner, project, region, cidr, network: settings.network, peer: args.peer, admits, publicPorts },
        ...{ sshFrom: args.sshFrom, sshPort: args.sshPort, backupPort: args.backupPort },
        privateHosts: plan.hosts.length > 0,
      },
      this.child(),
    );
    const { network, subnet } = surroundings;
    const serviceAccount = this.serviceAccount(owner, project).email;
    const snapshots = this.snapshotSchedule(owner, settings)?.name;
    const machine = (planned: PlannedMachine, role: Role): GcpMachine =>
      new GcpMachine(
        this.childName(planned.name),
        {
          ...{ owner, project, region, plan: planned, role, settings, serviceAccount, snapshots },
          subnet: subnet.id,
          tag: tagOf(owner, role),
          firstBoot: args.firstBoot,
          sshPort: args.sshPort,
          outOfService: args.settings.outOfService,
          machine: args.settings.machines[planned.name] ?? 1,
          after: [surroundings],
          protect: args.protect,
        },
        this.child(),
      );
    const gateways = plan.gateways.map((planned) => machine(planned, "gateway"));
    this.hosts = plan.hosts.map((planned) => {
      machine(planned, "host");
      return { name: `${name}-${planned.name}`, privateAddress: planned.privateAddress };
    });
    new GcpNextHop(
      this.childName("routes"),
      {
        ...{ owner, project, region, network: network.id, subnet: subnet.id, gateways },
        address: nextHopAddress(cidr),
        destinations: destinationsOf(args),
      },
      this.child(),
    );
    this.gateways = gateways.map(({ machineName, privateAddress, reached }) => ({
      name: `${name}-${machineName}`,
      site: name,
      family: familyOfImage(settings.image),
      privateAddress,
      underlay: { interface: settings.interface, mtu: settings.network.mtu },
      outOfService: args.settings.outOfService,
      machine: args.settings.machines[machineName] ?? 1,
      connection: reached!.connection,
    }));
    this.publicAddress = gateways[0]!.reached!.publicAddress;
    this.registerOutputs({ publicAddress: this.publicAddress, network: network.id, hosts: this.hosts });
  }

  /** The machines' own account. It is granted nothing: the program needs no cloud from inside a machine. */
  private serviceAccount(owner: Owner, project: string): gcp.serviceaccount.Account {
    return new gcp.serviceaccount.Account(
      this.childName("account"),
      {
        accountId: cloudName(owner, "vm"),
        project,
        displayName: `Machines of site ${owner.site}, stack ${owner.stack}`,
      },
      this.child(),
    );
  }

  private snapshotSchedule(
    owner: Owner,
    { project, region, snapshots }: GcpSettings,
  ): gcp.compute.ResourcePolicy | undefined {
    if (snapshots === "off") return undefined;
    return new gcp.compute.ResourcePolicy(
      this.childName("snapshots"),
      {
        name: cloudName(owner, "snapshots"),
        project,
        region,
        snapshotSchedulePolicy: {
          schedule: { dailySchedule: { daysInCycle: 1, startTime: snapshots.startTime } },
          // The reason for snapshots is that a disk may go.
          retentionPolicy: {
            maxRetentionDays: snapshots.keepDays,
            onSourceDiskDelete: "KEEP_AUTO_SNAPSHOTS",
          },
          snapshotProperties: { labels: labelsOf(owner, "snapshot"), storageLocations: region },
        },
      },
      this.child(),
    );
  }
}
