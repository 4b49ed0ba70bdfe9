import * as tencentcloud from "@pulumi/tencentcloud";
import * as pulumi from "@pulumi/pulumi";
import { Component } from "../../component";
import { cloudName, labelsOf, type Owner } from "../naming";
import { egressRules, type FirewallInputs, ingressRules } from "./firewall";

export interface TencentNetworkArgs {
  readonly owner: Owner;
  /** Zone of the subnet. */
  readonly zone: string;
  /** What the gateways' security group lets in. Its `cidr` is the network's range, all of it one subnet. */
  readonly firewall: FirewallInputs;
  /** Refuse to delete or replace the network and the subnet, on which everything stands. */
  readonly protect: boolean;
}

/** A VPC with one subnet, its route table, and the security group of the gateways. */
export class TencentNetwork extends Component {
  readonly vpc: pulumi.Output<string>;
  readonly subnet: pulumi.Output<string>;
  readonly routeTable: pulumi.Output<string>;
  /** Known when its rules are in force, so that no machine stands without them. */
  readonly securityGroup: pulumi.Output<string>;

  constructor(name: string, args: TencentNetworkArgs, options?: pulumi.ComponentResourceOptions) {
    super("TencentNetwork", name, {}, options);
    const { owner, zone, firewall, protect } = args;
    const tags = labelsOf(owner, "network");
    const vpc = new tencentcloud.Vpc(
      this.childName("vpc"),
      { name: cloudName(owner), cidrBlock: firewall.cidr, isMulticast: false, tags },
      this.child({ protect }),
    );
    const routeTable = new tencentcloud.RouteTable(
      this.childName("route-table"),
      { name: cloudName(owner), vpcId: vpc.id, tags },
      this.child(),
    );
    const subnet = new tencentcloud.Subnet(
      this.childName("subnet"),
      {
        name: cloudName(owner),
        vpcId: vpc.id,
        cidrBlock: firewall.cidr,
        availabilityZone: zone,
        isMulticast: false,
        routeTableId: routeTable.id,
        tags,
      },
      // Its range is all of the network's: there is no room for another beside it.
      this.child({ protect, deleteBeforeReplace: true }),
    );
    this.vpc = vpc.id;
    this.routeTable = routeTable.id;
    this.subnet = subnet.id;
    this.securityGroup = this.guardedBy(args);
    this.registerOutputs({ vpc: this.vpc, subnet: this.subnet, securityGroup: this.securityGroup });
  }

  private guardedBy({ owner, firewall }: TencentNetworkArgs): pulumi.Output<string> {
    const group = new tencentcloud.SecurityGroup(
      this.childName("security-group"),
      {
        name: cloudName(owner, "gateway"),
        description: `Gateways of site ${owner.site}, stack ${owner.stack}`,
        tags: labelsOf(owner, "gateway"),
      },
      this.child(),
    );
    const rules = new tencentcloud.SecurityGroupRuleSet(
      this.childName("rules"),
      { securityGroupId: group.id, ingresses: ingressRules(firewall), egresses: egressRules() },
      // A group has one set of rules.
      this.child({ deleteBeforeReplace: true }),
    );
    return rules.securityGroupId;
  }
}
