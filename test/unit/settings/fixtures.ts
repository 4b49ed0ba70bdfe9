import { createBootstrapKey } from "../../../providers/identity/keys";
import { parseSettings, SettingsError } from "../../../settings/parse";

/** A login's private key, and its only secret line as it stands in JSON too. */
export const { privateKey } = createBootstrapKey();
export const privateKeyLine = privateKey.split("\n")[1]!;

/** Raw settings that are valid, as the stack file of the lab has them, without the files that it names. */
export function validSettings(): Record<string, unknown> {
  const site = (octet: number, publicAddress: string, latitude: number, longitude: number, mtu: number) => ({
    coordinates: { latitude, longitude },
    cidr: `10.${octet}.0.0/24`,
    publicAddress,
    asn: 65000 + octet,
    existing: {
      gateways: [
        {
          name: "gw1",
          privateAddress: `10.${octet}.0.2`,
          interface: "net0",
          mtu,
          connection: { host: publicAddress, hostKey: "ssh-ed25519 AAAAC3Nz" },
        },
      ],
    },
  });
  return {
    primary: "la",
    sites: {
      la: site(10, "198.51.100.10", 34.05, -118.24, 1460),
      sg: site(20, "203.0.113.10", 1.35, 103.82, 1500),
    },
    access: { sshFrom: ["192.0.2.0/24"] },
    gate: { budgetMs: 190 },
    sshPrivateKey: privateKey,
  };
}

/** The valid settings with one value changed, by its path. */
export function withValue(path: readonly (string | number)[], value: unknown): Record<string, unknown> {
  const settings = validSettings();
  let group: Record<string | number, unknown> = settings;
  for (const part of path.slice(0, -1)) {
    group[part] ??= {};
    group = group[part] as Record<string | number, unknown>;
  }
  group[path.at(-1)!] = value;
  return settings;
}

/** The valid settings with Los Angeles made on Google Cloud. @param set Settings of `gcp` beside the needed ones. */
export function gcpSettings(set: Record<string, unknown> = {}): Record<string, unknown> {
  const settings = validSettings();
  const sites = settings["sites"] as Record<string, Record<string, unknown>>;
  const { coordinates, cidr, asn } = sites["la"]!;
  const gcp = { project: "my-project", region: "us-west2", zones: ["us-west2-a", "us-west2-b"], ...set };
  return { ...settings, sites: { ...sites, la: { coordinates, cidr, asn, gcp } } };
}

/**
 * The valid settings with Singapore made on Tencent Cloud. @param set Settings of `tencent` beside the needed one.
 * @param common Other settings of the site.
 */
export function tencentSettings(
  set: Record<string, unknown> = {},
  common: Record<string, unknown> = {},
): Record<string, unknown> {
  const settings = validSettings();
  const sites = settings["sites"] as Record<string, Record<string, unknown>>;
  const { coordinates, cidr, asn } = sites["sg"]!;
  const tencent = { zone: "ap-singapore-2", ...set };
  return { ...settings, sites: { ...sites, sg: { coordinates, cidr, asn, ...common, tencent } } };
}

/** All that is wrong with raw settings, a sentence each; none for valid ones. */
export function errorsOf(raw: Record<string, unknown>): readonly string[] {
  try {
    parseSettings(raw);
  } catch (error) {
    if (error instanceof SettingsError) return error.errors;
    throw error;
  }
  return [];
}
