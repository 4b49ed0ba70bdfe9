import type { Settings } from "./schema";
import { gatewayNames, sitesOf } from "./sites";

/** Rules about sites that are out of service, and about their machines. Each gives one sentence per violation. */
type Rule = (settings: Partial<Settings>) => string[];

const oneSiteIsInService: Rule = (settings) => {
  const sites = sitesOf(settings);
  if (sites.length === 0 || sites.some(({ outOfService }) => !outOfService)) return [];
  const [first, ...others] = sites.map(({ name }) => `crossborder:sites.${name}.outOfService`);
  return [`${others.join(", ")} is true, and so is ${first}; it must be false for one site at least.`];
};

const machinesAreHosts: Rule = (settings) =>
  sitesOf(settings).flatMap(({ machines, ...site }) => {
    const hosts = gatewayNames(site);
    const { name } = site;
    return Object.keys(machines)
      .filter((machine) => !hosts.includes(machine))
      .map(
        (machine) =>
          `crossborder:sites.${name}.machines has ${machine}, which is no host of the site; its hosts are ${hosts.join(", ")}.`,
      );
  });

export const outOfServiceRules: readonly Rule[] = [oneSiteIsInService, machinesAreHosts];

/** What a deployment leaves alone, for a person. */
export function outOfServiceWarnings(settings: Settings): string[] {
  return sitesOf(settings)
    .filter(({ outOfService }) => outOfService)
    .map(({ name, ...site }) => {
      const hosts = gatewayNames(site)
        .map((gateway) => `${name}-${gateway}`)
        .join(", ");
      return (
        `crossborder:sites.${name}.outOfService is true: ${hosts} is left as it is, by a destroy too; the link and ` +
        `replication are not measured.`
      );
    });
}
