import * as pulumi from "@pulumi/pulumi";
import type { SshConnection } from "../../providers/ssh/session";
import type { SiteSettings } from "../../settings/schema";
import { Component } from "../component";
import type { Host } from "../host/host";
import { type Admission, type Coordinates, openToUsers, type Site } from "./site";

export interface ExistingSiteArgs {
  readonly settings: SiteSettings;
  /** SSH connections by host, `<site>-<gateway>`; private keys become secrets here. */
  readonly connections: Readonly<Record<string, SshConnection>>;
  /** TCP ports of the gateways that are open to everybody, 1 to 65535. @default none */
  readonly publicPorts?: readonly number[];
}

/** A site whose hosts someone has made already: the lab's machines, bare metal, another cloud. */
export class ExistingSite extends Component implements Site {
  readonly name: string;
  readonly coordinates: Coordinates;
  readonly cidr: string;
  readonly asn: number;
  readonly publicAddress: pulumi.Output<string>;
  readonly gateways: readonly Host[];
  readonly admits: readonly Admission[];

  /** @param name The site's short name, e.g. `la`. */
  constructor(name: string, args: ExistingSiteArgs, options?: pulumi.ComponentResourceOptions) {
    super("ExistingSite", name, {}, options);
    const { settings, connections } = args;
    const { existing, publicAddress } = settings;
    if (!existing || publicAddress === undefined) throw new Error(`site ${name} doesn't exist already`);
    this.name = name;
    this.coordinates = settings.coordinates;
    this.cidr = settings.cidr;
    this.asn = settings.asn;
    this.publicAddress = pulumi.output(publicAddress);
    this.admits = openToUsers(args.publicPorts ?? []);
    this.gateways = existing.gateways.map((gateway) => {
      const host = `${name}-${gateway.name}`;
      const connection = connections[host];
      if (!connection) throw new Error(`no SSH connection is known for host ${host}`);
      return {
        name: host,
        site: name,
        family: gateway.family,
        privateAddress: gateway.privateAddress,
        underlay: { interface: gateway.interface, mtu: gateway.mtu },
        outOfService: settings.outOfService,
        machine: settings.machines[gateway.name] ?? 1,
        connection: pulumi.output({ ...connection, privateKey: pulumi.secret(connection.privateKey) }),
      };
    });
    this.registerOutputs({ publicAddress: this.publicAddress });
  }
}
