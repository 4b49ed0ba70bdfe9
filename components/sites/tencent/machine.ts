import * as tencentcloud from "@pulumi/tencentcloud";
import * as pulumi from "@pulumi/pulumi";
import type { SshConnection } from "../../../providers/ssh/session";
import type { TencentSettings } from "../../../settings/tencent";
import { Component } from "../../component";
import type { FirstBoot } from "../firstBoot";
import { cloudName, labelsOf, type Owner } from "../naming";
import type { PlannedGateway } from "./plan";

/** What new machines are made with and standing ones keep: a change of these would install them anew. */
const FIRST_BOOT_INPUTS = ["userDataRaw", "imageId", "keyIds"];

export interface TencentMachineArgs {
  readonly owner: Owner;
  readonly plan: PlannedGateway;
  readonly settings: Pick<TencentSettings, "zone" | "instanceType" | "disk" | "address">;
  readonly vpc: pulumi.Input<string>;
  readonly subnet: pulumi.Input<string>;
  readonly securityGroup: pulumi.Input<string>;
  readonly placementGroup: pulumi.Input<string>;
  /** The key pair that Tencent lets in, in place of a password of its own making. */
  readonly keyPair: pulumi.Input<string>;
  /** Image of a new machine. Without it there can be none; one that stands needs none. */
  readonly image?: pulumi.Input<string>;
  /** The package that the public address is in. @default none */
  readonly bandwidthPackage?: pulumi.Input<string>;
  /** Policy of its disk's snapshots. @default no snapshots */
  readonly snapshots?: pulumi.Input<string>;
  readonly firstBoot: FirstBoot;
  /** Number of the machine that is the host: another one has a machine and a disk of its own, made in the place of these. */
  readonly machine: number;
  /** Refuse to delete or replace the machine with its disk, and its address. */
  readonly protect: boolean;
}

/**
 * One gateway with its disk and its public address. Neither a newer image nor another key or other user data touches a
 * machine that stands: they are for its first boot alone.
 */
export class TencentMachine extends Component {
  /** Name within the site. */
  readonly machineName: string;
  readonly privateAddress: string;
  readonly instance: tencentcloud.Instance;
  readonly publicAddress: pulumi.Output<string>;
  /** How to reach it. A secret. */
  readonly connection: pulumi.Output<SshConnection>;

  constructor(name: string, args: TencentMachineArgs, options?: pulumi.ComponentResourceOptions) {
    super("TencentMachine", name, {}, options);
    const { owner, plan, settings, firstBoot, machine, protect } = args;
    this.machineName = plan.name;
    this.privateAddress = plan.privateAddress;
    const address = this.address(args);
    this.publicAddress = address.publicIp;
    this.instance = new tencentcloud.Instance(
      this.childName("instance"),
      {
        instanceName: cloudName(owner, plan.name),
        hostname: cloudName(owner, plan.name),
        availabilityZone: settings.zone,
        instanceType: settings.instanceType,
        instanceChargeType: "POSTPAID_BY_HOUR",
        imageId: args.image,
        vpcId: args.vpc,
        subnetId: args.subnet,
        privateIp: plan.privateAddress,
        orderlySecurityGroups: [args.securityGroup],
        placementGroupId: args.placementGroup,
        keyIds: [args.keyPair],
        systemDiskName: cloudName(owner, plan.name),
        systemDiskType: settings.disk.type,
        systemDiskSize: settings.disk.sizeGb,
        systemDiskEncrypt: settings.disk.encrypt,
        userDataRaw: firstBoot.userData,
        userDataReplaceOnChange: false,
        disableApiTermination: protect,
        tags: labelsOf(owner, "gateway"),
      },
      this.child({
        protect,
        replacementTrigger: machine,
        // Its private address can't be had twice.
        deleteBeforeReplace: true,
        ignoreChanges: FIRST_BOOT_INPUTS,
        // The provider reads the user data back, encoded too.
        additionalSecretOutputs: ["userData", "userDataRaw"],
      }),
    );
    const association = new tencentcloud.EipAssociation(
      this.childName("association"),
      { eipId: address.id, instanceId: this.instance.id },
      this.child({ deleteBeforeReplace: true }),
    );
    this.snapshots(args);
    this.connection = pulumi.secret(
      firstBoot.connectionTo({
        // Nobody is there before the address is the machine's.
        address: pulumi.all([address.publicIp, association.id]).apply(([publicIp]) => publicIp),
        machine: this.instance.id,
      }),
    );
    this.registerOutputs({ instance: this.instance.id, publicAddress: this.publicAddress });
  }

  private address({
    owner,
    plan,
    settings,
    bandwidthPackage,
    protect,
  }: TencentMachineArgs): tencentcloud.Eip {
    const { kind, anycastZone, chargeType, bandwidthMbps } = settings.address;
    return new tencentcloud.Eip(
      this.childName("address"),
      {
        name: cloudName(owner, plan.name),
        type: kind,
        anycastZone,
        internetChargeType: chargeType,
        internetMaxBandwidthOut: bandwidthMbps,
        bandwidthPackageId: bandwidthPackage,
        tags: labelsOf(owner, "gateway"),
      },
      this.child({ protect }),
    );
  }

  private snapshots({ snapshots }: TencentMachineArgs): void {
    if (snapshots === undefined) return;
    new tencentcloud.CbsSnapshotPolicyAttachment(
      this.childName("snapshots"),
      { snapshotPolicyId: snapshots, storageId: this.instance.systemDiskId },
      this.child({ deleteBeforeReplace: true }),
    );
  }
}
