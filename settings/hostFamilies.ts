import type { OsFamily } from "../components/host/host";
import { familyOfImage } from "./gcpCatalogue";
import type { Settings } from "./schema";
import { sitesOf } from "./sites";
import { systemNames, systemOf } from "./tencentCatalogue";

/** A setting that decides which operating system gateways have, whichever way their site is made. */
interface FamilySetting {
  readonly key: string;
  readonly value: string;
  readonly family: OsFamily;
  /** What it may be for its family to be one of these, for a person. */
  allowed(families: readonly OsFamily[]): string;
}

function listed(names: readonly string[]): string {
  return [names.slice(0, -1).join(", "), ...names.slice(-1)].filter((part) => part !== "").join(" or ");
}

function familySettings(settings: Partial<Settings>): FamilySetting[] {
  return sitesOf(settings).flatMap(({ name, existing, gcp, tencent }) => [
    ...(existing?.gateways ?? []).map(({ family }, index) => ({
      key: `crossborder:sites.${name}.existing.gateways[${index}].family`,
      value: family,
      family,
      allowed: listed,
    })),
    ...(gcp
      ? [
          {
            key: `crossborder:sites.${name}.gcp.image`,
            value: gcp.image,
            family: familyOfImage(gcp.image),
            allowed: (families: readonly OsFamily[]) => `an image of ${listed(families)}`,
          },
        ]
      : []),
    ...(tencent
      ? [
          {
            key: `crossborder:sites.${name}.tencent.os`,
            value: tencent.os,
            family: systemOf(tencent.os).family,
            allowed: (families: readonly OsFamily[]) =>
              listed(systemNames.filter((system) => families.includes(systemOf(system).family))),
          },
        ]
      : []),
  ]);
}

/**
 * Refuses gateways whose operating system is of no family that something runs on, one sentence each.
 * @param what Why, e.g. `, on which the proxy doesn't run; with crossborder:backup it`.
 */
export function otherFamilies(
  settings: Partial<Settings>,
  families: readonly OsFamily[],
  what: string,
): string[] {
  return familySettings(settings)
    .filter(({ family }) => !families.includes(family))
    .map(({ key, value, allowed }) => `${key} is "${value}"${what} must be ${allowed(families)}.`);
}
