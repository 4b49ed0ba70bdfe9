import type { LoadedSettings } from "../../settings/load";
import type { Site } from "../sites/site";
import { locationOf, projectOf, servingSites, type Target } from "./plan";
import type { Traffic } from "./traffic";

/** Leads users to the sites, where the settings name a name for them. Google's package is loaded for that alone. */
export function makeTraffic(settings: LoadedSettings, sites: readonly Site[]): Traffic | undefined {
  const { traffic, stack, protect } = settings;
  if (traffic === "off") return undefined;
  const serving = servingSites(traffic, settings.sites);
  const targets = sites
    .filter(({ name }) => serving.includes(name))
    .map(({ name, publicAddress }): Target => ({
      site: name,
      address: publicAddress,
      location: locationOf(name, settings.sites[name]!, traffic),
      share: traffic.split?.[name],
    }));
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const module = require("./traffic") as typeof import("./traffic");
  const project = projectOf(traffic, settings.sites)!;
  return new module.Traffic("traffic", { stack, project, traffic, targets, protect });
}
