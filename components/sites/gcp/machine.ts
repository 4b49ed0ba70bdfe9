import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { SshConnection } from "../../../providers/ssh/session";
import type { GcpSettings } from "../../../settings/gcp";
import { familyOfImage } from "../../../settings/gcpCatalogue";
import { Component } from "../../component";
import type { FirstBootMaker } from "../firstBoot";
import { cloudName, labelsOf, type Owner } from "../naming";
import type { Role } from "./firewall";
import type { PlannedMachine } from "./plan";

/** What the machines' service account may be used for: writing logs and metrics, once an operator grants it that. */
const SCOPES = [
  "https://www.googleapis.com/auth/logging.write",
  "https://www.googleapis.com/auth/monitoring.write",
];

export interface GcpMachineArgs {
  readonly owner: Owner;
  readonly project: string;
  readonly region: string;
  readonly plan: PlannedMachine;
  /** A gateway forwards packets that aren't its own, and has a static public address. A host does neither. */
  readonly role: Role;
  readonly settings: Pick<GcpSettings, "image" | "disk" | "ssh">;
  /** The subnet that the machine stands in. */
  readonly subnet: pulumi.Input<string>;
  /** Network tag that the firewall's rules are for. */
  readonly tag: string;
  /** Mail address of the service account that the machine runs as. */
  readonly serviceAccount: pulumi.Input<string>;
  /** Name of the schedule of its disk's snapshots. @default no snapshots */
  readonly snapshots?: pulumi.Input<string>;
  /** Prepares its first boot. */
  readonly firstBoot: FirstBootMaker;
  /** Port that sshd listens on, 1 to 65535. */
  readonly sshPort: number;
  /** Its site is out of service: nobody connects to it. */
  readonly outOfService: boolean;
  /** Number of the machine that is the host: another one has a machine and a disk of its own, made in the place of these. */
  readonly machine: number;
  /** What has to stand before the machine does: what guards it, and its way to the Internet. */
  readonly after: readonly pulumi.Resource[];
  /** Refuse to delete or replace the machine, its disk and its address. */
  readonly protect: boolean;
}

/**
 * One machine with its boot disk, and its public address if it is a gateway. Neither a newer image nor other user data
 * touches a machine that stands: both are for its first boot alone.
 */
export class GcpMachine extends Component {
  /** Name within the site. */
  readonly machineName: string;
  readonly zone: string;
  readonly privateAddress: string;
  readonly instance: gcp.compute.Instance;
  /** How a gateway is known and reached. Hosts have no public address. */
  readonly reached?: {
    /** The static public address. */
    readonly publicAddress: pulumi.Output<string>;
    readonly connection: pulumi.Output<SshConnection>;
  };

  constructor(name: string, args: GcpMachineArgs, options?: pulumi.ComponentResourceOptions) {
    super("GcpMachine", name, {}, options);
    const { owner, project, plan, role, settings, sshPort, outOfService, machine, protect } = args;
    const family = familyOfImage(settings.image);
    const firstBoot = args.firstBoot(name, { family, sshPort, outOfService, machine }, this.child());
    this.machineName = plan.name;
    this.zone = plan.zone;
    this.privateAddress = plan.privateAddress;
    const address = role === "gateway" ? this.staticAddress(args) : undefined;
    const publicAddress = address?.address;
    const disk = this.bootDisk(args);
    this.instance = new gcp.compute.Instance(
      this.childName("instance"),
      {
        name: cloudName(owner, plan.name),
        project,
        zone: plan.zone,
        machineType: plan.machineType,
        canIpForward: role === "gateway",
        allowStoppingForUpdate: true,
        deletionProtection: protect,
        tags: [args.tag],
        labels: labelsOf(owner, role),
        bootDisk: { source: disk.selfLink, autoDelete: false },
        networkInterfaces: [
          {
            subnetwork: args.subnet,
            networkIp: plan.privateAddress,
            ...(publicAddress ? { accessConfigs: [{ natIp: publicAddress, networkTier: "PREMIUM" }] } : {}),
          },
        ],
        metadata: {
          "block-project-ssh-keys": "TRUE",
          // OS Login ignores keys in metadata; the login that the user data made stays either way.
          ...(settings.ssh.osLogin
            ? { "enable-oslogin": "TRUE" }
            : {
                "enable-oslogin": "FALSE",
                "ssh-keys": pulumi.interpolate`${firstBoot.user}:${firstBoot.authorizedKey}`,
              }),
          "user-data": firstBoot.userData,
        },
        shieldedInstanceConfig: {
          enableSecureBoot: true,
          enableVtpm: true,
          enableIntegrityMonitoring: true,
        },
        scheduling: { automaticRestart: true, onHostMaintenance: "MIGRATE" },
        serviceAccount: { email: args.serviceAccount, scopes: SCOPES },
      },
      this.child({
        protect,
        replacementTrigger: machine,
        // Neither its name nor its address can be had twice.
        deleteBeforeReplace: true,
        // An address goes only when no machine has it.
        replaceWith: address ? [address] : [],
        dependsOn: [...args.after],
        ignoreChanges: ['metadata["user-data"]'],
        // What comes back of a secret in the user data is one as well.
        additionalSecretOutputs: ["metadata"],
      }),
    );
    if (publicAddress) {
      const { instanceId } = this.instance;
      const connection = firstBoot.connectionTo({ address: publicAddress, machine: instanceId });
      this.reached = { publicAddress, connection };
    }
    this.registerOutputs({ instance: this.instance.id, publicAddress });
  }

  private staticAddress({ owner, project, region, plan, protect }: GcpMachineArgs): gcp.compute.Address {
    return new gcp.compute.Address(
      this.childName("address"),
      {
        name: cloudName(owner, plan.name),
        project,
        region,
        addressType: "EXTERNAL",
        networkTier: "PREMIUM",
        labels: labelsOf(owner, "gateway"),
      },
      this.child({ protect, deleteBeforeReplace: true }),
    );
  }

  /** A disk of its own rather than a part of the machine, so that it outlives the machine and can be protected. */
  private bootDisk(args: GcpMachineArgs): gcp.compute.Disk {
    const { owner, project, plan, role, settings, machine, protect } = args;
    const { type, sizeGb, iops, throughputMiBps } = settings.disk;
    const disk = new gcp.compute.Disk(
      this.childName("disk"),
      {
        name: cloudName(owner, plan.name),
        project,
        zone: plan.zone,
        type,
        size: sizeGb,
        ...(iops === undefined ? {} : { provisionedIops: iops }),
        ...(throughputMiBps === undefined ? {} : { provisionedThroughput: throughputMiBps }),
        image: settings.image,
        labels: labelsOf(owner, role),
      },
      this.child({
        protect,
        replacementTrigger: machine,
        deleteBeforeReplace: true,
        ignoreChanges: ["image"],
      }),
    );
    if (args.snapshots !== undefined) {
      new gcp.compute.DiskResourcePolicyAttachment(
        this.childName("disk-snapshots"),
        { name: args.snapshots, project, zone: plan.zone, disk: disk.name },
        this.child(),
      );
    }
    return disk;
  }
}
