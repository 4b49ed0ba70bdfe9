import * as tencentcloud from "@pulumi/tencentcloud";
import * as pulumi from "@pulumi/pulumi";
import type { TencentSettings } from "../../settings/tencent";
import { systemOf } from "../../settings/tencentCatalogue";
import { Component } from "../component";
import type { Host } from "../host/host";
import { type CloudSiteArgs, type CommonSettings, destinationsOf } from "./cloud";
import type { FirstBoot } from "./firstBoot";
import { cloudName, labelsOf, type Owner } from "./naming";
import { type Admission, type Coordinates, openToUsers, type Site } from "./site";
import { TencentAccelerator } from "./tencent/accelerator";
import { imageFor } from "./tencent/image";
import { TencentMachine } from "./tencent/machine";
import { TencentNetwork } from "./tencent/network";
import { TencentNextHop } from "./tencent/nextHop";
import { plainName, planGateways, sharedAddress } from "./tencent/plan";
import { regionalProvider } from "./tencent/provider";

export interface TencentSiteArgs extends CloudSiteArgs {
  readonly settings: CommonSettings & { readonly tencent: TencentSettings };
}

/** A site that is made on Tencent Cloud: a network, its gateways, and the way to the other site. */
export class TencentSite extends Component implements Site {
  readonly name: string;
  readonly coordinates: Coordinates;
  readonly cidr: string;
  readonly asn: number;
  readonly publicAddress: pulumi.Output<string>;
  readonly gateways: readonly Host[];
  readonly admits: readonly Admission[];
  /** With two gateways, the address that one of them has to announce for the routes to lead to it. */
  readonly haVip?: pulumi.Output<string>;
  /** Name of the global accelerator, of which users' names have to be an alias. */
  readonly acceleratedName?: pulumi.Output<string>;

  /** @param name The site's short name, e.g. `sg`. */
  constructor(name: string, args: TencentSiteArgs, options?: pulumi.ComponentResourceOptions) {
    super("TencentSite", name, {}, options);
    const { cidr, coordinates, asn, outOfService, machines, tencent: settings } = args.settings;
    const { sshFrom, sshPort, backupPort, peer, protect } = args;
    const publicPorts = [...new Set([...settings.publicPorts, ...(args.publicPorts ?? [])])];
    this.name = name;
    this.coordinates = coordinates;
    this.cidr = cidr;
    this.asn = asn;
    this.admits = openToUsers(publicPorts);
    const owner: Owner = { stack: args.stack, site: name, labels: args.labels };
    const provider = regionalProvider(this.childName("provider"), settings.region, this.child());
    const within = this.child({ provider });

    const network = new TencentNetwork(
      this.childName("network"),
      {
        ...{ owner, zone: settings.zone, protect },
        firewall: { cidr, peer, sshFrom, sshPort, backupPort, publicPorts },
      },
      within,
    );
    const { vpc, subnet, securityGroup, routeTable } = network;
    const { family } = systemOf(settings.os);
    const planned = planGateways(cidr, settings.gateways);
    const firstBoots = planned.map((plan) =>
      args.firstBoot(
        `${name}-${plan.name}`,
        { family, sshPort, outOfService, machine: machines[plan.name] ?? 1 },
        this.child(),
      ),
    );
    const keyPair = this.keyPair(owner, firstBoots[0]!, within);
    const shared = {
      ...{ owner, settings, vpc, subnet, securityGroup, protect },
      placementGroup: this.placementGroup(owner, settings, within),
      keyPair: keyPair.id,
      // Before anything is made a preview has nothing to ask Tencent, and needs no account there. A site that is out of service
      // gets no new machine, and its region may not answer.
      image: outOfService
        ? settings.image
        : imageFor(settings, { parent: this, provider, dependsOn: [keyPair] }),
      bandwidthPackage: this.bandwidthPackage(owner, settings, within),
      snapshots: this.snapshotPolicy(owner, settings, within),
    };
    const gateways = planned.map(
      (plan, index) =>
        new TencentMachine(
          this.childName(plan.name),
          { ...shared, plan, firstBoot: firstBoots[index]!, machine: machines[plan.name] ?? 1 },
          within,
        ),
    );
    this.haVip = new TencentNextHop(
      this.childName("routes"),
      {
        ...{ owner, vpc, subnet, routeTable, gateways, protect },
        address: sharedAddress(cidr),
        destinations: destinationsOf(args),
      },
      within,
    ).haVip;
    this.gateways = gateways.map(({ machineName, privateAddress, connection }) => ({
      name: `${name}-${machineName}`,
      site: name,
      family,
      privateAddress,
      underlay: { interface: settings.interface, mtu: settings.mtu },
      outOfService,
      machine: machines[machineName] ?? 1,
      connection,
    }));
    const { publicAddress } = gateways[0]!;
    this.publicAddress = publicAddress;
    const { accelerator, region } = settings;
    this.acceleratedName =
      accelerator === "off"
        ? undefined
        : new TencentAccelerator(
            this.childName("accelerator"),
            { owner, settings: accelerator, region, publicAddress },
            within,
          ).domainName;
    this.registerOutputs({
      publicAddress,
      vpc,
      subnet,
      haVip: this.haVip,
      acceleratedName: this.acceleratedName,
    });
  }

  /** Free, and there with one gateway too: a second one then moves nobody. */
  private placementGroup(
    owner: Owner,
    { placement }: TencentSettings,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Output<string> {
    return new tencentcloud.PlacementGroup(
      this.childName("placement"),
      { name: cloudName(owner), type: placement, tags: labelsOf(owner, "gateway") },
      options,
    ).id;
  }

  /** For new machines only: those that stand have the keys that the deployment gives them. */
  private keyPair(
    owner: Owner,
    { authorizedKey }: FirstBoot,
    options: pulumi.CustomResourceOptions,
  ): tencentcloud.KeyPair {
    return new tencentcloud.KeyPair(
      this.childName("key"),
      { keyName: plainName(owner), publicKey: authorizedKey, tags: labelsOf(owner, "gateway") },
      { ...options, ignoreChanges: ["publicKey"], additionalSecretOutputs: ["privateKey"] },
    );
  }

  private bandwidthPackage(
    owner: Owner,
    { bandwidthPackage }: TencentSettings,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Output<string> | undefined {
    if (bandwidthPackage === "off") return undefined;
    return new tencentcloud.VpcBandwidthPackage(
      this.childName("bandwidth"),
      {
        bandwidthPackageName: plainName(owner),
        networkType: bandwidthPackage.networkType,
        chargeType: bandwidthPackage.chargeType,
        internetMaxBandwidth: bandwidthPackage.limitMbps,
        // `tags` is its old name.
        tag: labelsOf(owner, "gateway"),
      },
      options,
    ).id;
  }

  private snapshotPolicy(
    owner: Owner,
    { snapshots }: TencentSettings,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Output<string> | undefined {
    if (snapshots === "off") return undefined;
    return new tencentcloud.CbsSnapshotPolicy(
      this.childName("snapshots"),
      {
        snapshotPolicyName: cloudName(owner),
        repeatHours: snapshots.hours,
        repeatWeekdays: snapshots.weekdays,
        retentionDays: snapshots.keepDays,
      },
      options,
    ).id;
  }
}
