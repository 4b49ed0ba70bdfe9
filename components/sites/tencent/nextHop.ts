import * as tencentcloud from "@pulumi/tencentcloud";
import type * as pulumi from "@pulumi/pulumi";
import { Component } from "../../component";
import { cloudName, type Owner } from "../naming";
import type { TencentMachine } from "./machine";

export interface TencentNextHopArgs {
  readonly owner: Owner;
  readonly vpc: pulumi.Input<string>;
  readonly subnet: pulumi.Input<string>;
  readonly routeTable: pulumi.Input<string>;
  /** The gateways, in order of preference. One or two. */
  readonly gateways: readonly TencentMachine[];
  /** The address that two gateways share, in the site's range. */
  readonly address: string;
  /** Ranges that lead to the gateway, by a word for each. */
  readonly destinations: Readonly<Record<string, pulumi.Input<string>>>;
  /** Refuse to delete or replace the shared address. */
  readonly protect: boolean;
}

/**
 * The way out of the site's network to the other site: routes to the gateway, or with two to a HaVip, an address that
 * belongs to whichever of them announces it by ARP.
 */
export class TencentNextHop extends Component {
  /** With two gateways, the address that one of them has to announce. */
  readonly haVip?: pulumi.Output<string>;

  constructor(name: string, args: TencentNextHopArgs, options?: pulumi.ComponentResourceOptions) {
    super("TencentNextHop", name, {}, options);
    const { routeTable, gateways } = args;
    const haVip = gateways.length > 1 ? this.sharedAddress(args) : undefined;
    this.haVip = haVip?.vip;
    for (const [what, destinationCidrBlock] of Object.entries(args.destinations)) {
      new tencentcloud.RouteTableEntry(
        this.childName(what),
        {
          routeTableId: routeTable,
          destinationCidrBlock,
          description: `The way to ${what} is by the gateway`,
          // A machine is named by its private address, a HaVip by its id (the API's Route.GatewayId).
          ...(haVip
            ? { nextType: "HAVIP", nextHub: haVip.id }
            : { nextType: "NORMAL_CVM", nextHub: gateways[0]!.instance.privateIp }),
        },
        // A table has one route to a range.
        this.child({ deleteBeforeReplace: true }),
      );
    }
    this.registerOutputs({ haVip: this.haVip });
  }

  private sharedAddress({
    owner,
    vpc,
    subnet,
    gateways,
    address,
    protect,
  }: TencentNextHopArgs): tencentcloud.HaVip {
    const haVip = new tencentcloud.HaVip(
      this.childName("address"),
      { name: cloudName(owner, "gateway"), vpcId: vpc, subnetId: subnet, vip: address, checkAssociate: true },
      this.child({ protect, deleteBeforeReplace: true }),
    );
    for (const gateway of gateways) {
      new tencentcloud.HaVipInstanceAttachment(
        this.childName(gateway.machineName),
        { haVipId: haVip.id, instanceId: gateway.instance.id, instanceType: "CVM" },
        this.child({ deleteBeforeReplace: true }),
      );
    }
    return haVip;
  }
}
