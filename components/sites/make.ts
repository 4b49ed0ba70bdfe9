import * as pulumi from "@pulumi/pulumi";
import type { LoadedSettings } from "../../settings/load";
import type { SiteSettings } from "../../settings/schema";
import { ExistingSite } from "./existing";
import type { FirstBootMaker } from "./firstBoot";
import type { Peer, Site } from "./site";

/** What a site is made of beside its own settings. */
interface Surroundings {
  readonly settings: LoadedSettings;
  readonly peer: Peer;
  readonly firstBoot: FirstBootMaker;
}

/** A site, which is a component in the engine's eyes. */
type MadeSite = Site & pulumi.ComponentResource;

/**
 * Makes one site in the way that its settings name. Nothing after this knows which one it was.
 *
 * A cloud's package is loaded when a site needs it: Google's takes half a second and 130 MB.
 */
function makeSite(name: string, site: SiteSettings, { settings, peer, firstBoot }: Surroundings): MadeSite {
  const { stack, labels, protect, access, backup, ha, traffic } = settings;
  const publicPorts = traffic === "off" ? [] : [traffic.port];
  const cloud = {
    ...{ stack, labels, protect, peer, firstBoot, ...access },
    backupPort: backup === "off" ? undefined : backup.port,
    publicPorts,
    vip: ha === "off" ? undefined : ha.vip,
  };
  if (site.gcp) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { GcpSite } = require("./gcp") as typeof import("./gcp");
    return new GcpSite(name, { settings: { ...site, gcp: site.gcp }, ...cloud });
  }
  if (site.tencent) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { TencentSite } = require("./tencent") as typeof import("./tencent");
    return new TencentSite(name, { settings: { ...site, tencent: site.tencent }, ...cloud });
  }
  return new ExistingSite(name, { settings: site, connections: settings.connections, publicPorts });
}

/**
 * The two sites of the settings. Each has to let the other's public address in before either is made, so each is given
 * the other's as an output that is filled in below; between the resources there is no circle, since an address needs
 * nothing of the other site.
 */
export function makeSites(settings: LoadedSettings, firstBoot: FirstBootMaker): readonly MadeSite[] {
  const named = Object.entries(settings.sites);
  const deferred = named.map(() => pulumi.deferredOutput<string>());
  const sites = named.map(([name, site], index) => {
    const other = 1 - index;
    const [publicAddress] = deferred[other]!;
    return makeSite(name, site, {
      settings,
      peer: { publicAddress, cidr: named[other]![1].cidr },
      firstBoot,
    });
  });
  sites.forEach((site, index) => deferred[index]![1](site.publicAddress));
  return sites;
}
