import * as pulumi from "@pulumi/pulumi";
import type { HostConfiguration } from "../components/host/configuration";
import type { CrossBorderLink } from "../components/link/crossBorderLink";
import type { TunnelRtt } from "../providers/tunnelRtt";
import type { Settings } from "../settings/schema";
import type { HostOutput, LinkOutput } from "./contract";

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

/** Every host with what it was given, for `npm run verify`. Secret. */
export function publishHosts(configurations: readonly HostConfiguration[]): pulumi.Output<HostOutput[]> {
  return pulumi.secret(
    pulumi.output(
      configurations.map(({ host, component, generation }) => ({
        name: host.name,
        connection: host.connection,
        components: [{ component, generation }],
      })),
    ),
  ) as pulumi.Output<HostOutput[]>;
}
