import * as tencentcloud from "@pulumi/tencentcloud";
import type * as pulumi from "@pulumi/pulumi";
import type { TencentAccelerator as Settings } from "../../../settings/tencent";
import { Component } from "../../component";
import { cloudName, labelsOf, type Owner } from "../naming";

/** Seconds between health checks of the origin, and of the wait for an answer; checks in a row that change its state. */
const HEALTH_CHECK = {
  healthCheckInterval: 10,
  connectTimeout: 2,
  healthyThreshold: 3,
  unhealthyThreshold: 3,
};

/** Idle time of a connection, s: TCP's highest. */
const IDLE_TIMEOUT_SECONDS = 900;

export interface TencentAcceleratorArgs {
  readonly owner: Owner;
  readonly settings: Settings;
  /** Region of the origin. */
  readonly region: string;
  /** The origin's public address. */
  readonly publicAddress: pulumi.Input<string>;
}

/** A global accelerator: users enter at the nearest area, and Tencent's own network carries them to the site. */
export class TencentAccelerator extends Component {
  /** The name that users' names have to be an alias of. */
  readonly domainName: pulumi.Output<string>;

  constructor(name: string, args: TencentAcceleratorArgs, options?: pulumi.ComponentResourceOptions) {
    super("TencentAccelerator", name, {}, options);
    const { owner, settings } = args;
    const instance = new tencentcloud.Ga2GlobalAccelerator(
      this.childName("instance"),
      {
        name: cloudName(owner),
        description: `Users of site ${owner.site}, stack ${owner.stack}`,
        instanceChargeType: "POSTPAID",
        tags: labelsOf(owner, "accelerator"),
      },
      this.child(),
    );
    this.domainName = instance.cname;
    // An accelerator takes one change after another, and refuses those that come meanwhile.
    let last: pulumi.Resource = instance;
    for (const { region, bandwidthMbps, line } of settings.areas) {
      last = new tencentcloud.Ga2AccelerateArea(
        this.childName(region),
        {
          globalAcceleratorId: instance.id,
          accelerateRegion: region,
          bandwidth: bandwidthMbps,
          ispType: line,
          ipVersion: "IPv4",
        },
        this.child({ dependsOn: [last], deleteBeforeReplace: true }),
      );
    }
    for (const port of settings.ports) last = this.origin(args, instance.id, port, last);
    this.registerOutputs({ domainName: this.domainName });
  }

  /** One accelerated port, and where it leads. */
  private origin(
    { owner, region, publicAddress }: TencentAcceleratorArgs,
    globalAcceleratorId: pulumi.Input<string>,
    port: number,
    after: pulumi.Resource,
  ): pulumi.Resource {
    const listener = new tencentcloud.Ga2Listener(
      this.childName(`${port}`),
      {
        globalAcceleratorId,
        name: cloudName(owner, `${port}`),
        protocol: "TCP",
        portRanges: { fromPort: port, toPort: port },
        listenerType: "Standard",
        idleTimeout: IDLE_TIMEOUT_SECONDS,
      },
      this.child({ dependsOn: [after], deleteBeforeReplace: true }),
    );
    return new tencentcloud.Ga2EndpointGroup(
      this.childName(`${port}-origin`),
      {
        globalAcceleratorId,
        listenerId: listener.listenerId,
        endpointGroupType: "DEFAULT",
        endpointGroupConfiguration: {
          name: cloudName(owner, `${port}`),
          endpointGroupRegion: region,
          enableHealthCheck: true,
          checkType: "TCP",
          ...HEALTH_CHECK,
          endpointConfigurations: [
            { endpointType: "CustomPublicIp", endpointService: publicAddress, weight: 100 },
          ],
        },
      },
      this.child({ deleteBeforeReplace: true }),
    );
  }
}
