import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { GcpSettings } from "../../../settings/gcp";
import { Component } from "../../component";
import { cloudName, type Owner } from "../naming";
import type { Admission, Peer } from "../site";
import { firewallRules, type Role } from "./firewall";

/** Records of flows, by what the settings call their interval. */
const AGGREGATION_INTERVALS = {
  "5s": "INTERVAL_5_SEC",
  "30s": "INTERVAL_30_SEC",
  "1m": "INTERVAL_1_MIN",
  "5m": "INTERVAL_5_MIN",
  "10m": "INTERVAL_10_MIN",
  "15m": "INTERVAL_15_MIN",
} as const;

export interface GcpNetworkArgs {
  readonly owner: Owner;
  readonly project: string;
  readonly region: string;
  /** The site's range, which becomes the subnet's. */
  readonly cidr: string;
  readonly network: GcpSettings["network"];
  readonly peer: Peer;
  /** IPv4 ranges that SSH to the gateways may come from. */
  readonly sshFrom: readonly string[];
  readonly sshPort: number;
  /** Port of the gateways' proxies. @default closed */
  readonly backupPort?: number;
  /** What Google itself has to reach on the gateways. */
  readonly admits: readonly Admission[];
  /** TCP ports of the gateways that are open to everybody. */
  readonly publicPorts: readonly number[];
  /** Whether there are machines without a public address, which reach the Internet by Cloud NAT. */
  readonly privateHosts: boolean;
}

/** Network tag of a site's machines of that role. */
export function tagOf(owner: Owner, role: Role): string {
  return cloudName(owner, role);
}

/** A VPC network of its own with one subnet, and a firewall that lets in nothing but what the site needs. */
export class GcpNetwork extends Component {
  readonly network: gcp.compute.Network;
  readonly subnet: gcp.compute.Subnetwork;

  constructor(name: string, args: GcpNetworkArgs, options?: pulumi.ComponentResourceOptions) {
    super("GcpNetwork", name, {}, options);
    const { owner, project, region, cidr } = args;
    const { mtu, flowLogs } = args.network;
    this.network = new gcp.compute.Network(
      this.childName("vpc"),
      {
        name: cloudName(owner),
        project,
        description: `Site ${owner.site} of stack ${owner.stack}.`,
        autoCreateSubnetworks: false,
        routingMode: "REGIONAL",
        mtu,
      },
      this.child(),
    );
    this.subnet = new gcp.compute.Subnetwork(
      this.childName("subnet"),
      {
        name: cloudName(owner),
        project,
        region,
        network: this.network.id,
        ipCidrRange: cidr,
        privateIpGoogleAccess: true,
        ...(flowLogs === "off"
          ? {}
          : {
              logConfig: {
                aggregationInterval: AGGREGATION_INTERVALS[flowLogs.interval],
                flowSampling: flowLogs.sampling,
                metadata: "INCLUDE_ALL_METADATA",
              },
            }),
      },
      this.child(),
    );
    this.firewall(args);
    if (args.privateHosts) this.nat(args);
    this.registerOutputs({ network: this.network.id, subnet: this.subnet.id });
  }

  private firewall(args: GcpNetworkArgs): void {
    const { owner, project, peer } = args;
    const rules = firewallRules({
      ...args,
      peer: { gateway: pulumi.interpolate`${peer.publicAddress}/32`, cidr: peer.cidr },
    });
    for (const { name, description, sourceRanges, to, allows } of rules) {
      new gcp.compute.Firewall(
        this.childName(name),
        {
          name: cloudName(owner, name),
          project,
          network: this.network.id,
          description,
          direction: "INGRESS",
          sourceRanges: [...sourceRanges],
          targetTags: to.map((role) => tagOf(owner, role)),
          allows: allows.map(({ protocol, ports }) => ({ protocol, ports: ports && [...ports] })),
        },
        this.child(),
      );
    }
  }

  private nat({ owner, project, region }: GcpNetworkArgs): void {
    const router = new gcp.compute.Router(
      this.childName("router"),
      { name: cloudName(owner), project, region, network: this.network.id },
      this.child(),
    );
    new gcp.compute.RouterNat(
      this.childName("nat"),
      {
        name: cloudName(owner),
        project,
        region,
        router: router.name,
        natIpAllocateOption: "AUTO_ONLY",
        sourceSubnetworkIpRangesToNat: "LIST_OF_SUBNETWORKS",
        subnetworks: [{ name: this.subnet.id, sourceIpRangesToNats: ["ALL_IP_RANGES"] }],
        logConfig: { enable: true, filter: "ERRORS_ONLY" },
      },
      this.child(),
    );
  }
}
