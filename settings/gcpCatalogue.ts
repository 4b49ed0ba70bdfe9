import type { OsFamily } from "../components/host/host";

/**
 * What Google Cloud offers, as far as the settings have to know it. Google's pages on regions and zones, on machine
 * series, and on the disks that each of them takes say more.
 */

/** Regions whose zones are not a, b and c; the others have these three. */
const OTHER_ZONES: Readonly<Record<string, string>> = {
  "europe-west1": "bcd",
  "us-central1": "abcf",
  "us-east1": "bcd",
};

/** Regions that Google sells to everybody. A new one is one more word here. */
const REGIONS: readonly string[] = [
  "africa-south1",
  "asia-east1",
  "asia-east2",
  "asia-northeast1",
  "asia-northeast2",
  "asia-northeast3",
  "asia-south1",
  "asia-south2",
  "asia-southeast1",
  "asia-southeast2",
  "australia-southeast1",
  "australia-southeast2",
  "europe-central2",
  "europe-north1",
  "europe-north2",
  "europe-southwest1",
  "europe-west1",
  "europe-west2",
  "europe-west3",
  "europe-west4",
  "europe-west6",
  "europe-west8",
  "europe-west9",
  "europe-west10",
  "europe-west12",
  "me-central1",
  "me-central2",
  "me-west1",
  "northamerica-northeast1",
  "northamerica-northeast2",
  "northamerica-south1",
  "southamerica-east1",
  "southamerica-west1",
  "us-central1",
  "us-east1",
  "us-east4",
  "us-east5",
  "us-south1",
  "us-west1",
  "us-west2",
  "us-west3",
  "us-west4",
];

/** Names of a region's zones, or undefined for a region that isn't known. */
export function zonesOf(region: string): string[] | undefined {
  if (!REGIONS.includes(region)) return undefined;
  return [...(OTHER_ZONES[region] ?? "abc")].map((letter) => `${region}-${letter}`);
}

/** The known regions, in the order of their names. */
export const regions = REGIONS;

export const diskTypes = ["pd-ssd", "pd-balanced", "hyperdisk-balanced"] as const;
export type DiskType = (typeof diskTypes)[number];

const PERSISTENT: readonly DiskType[] = ["pd-ssd", "pd-balanced"];
const BOTH: readonly DiskType[] = diskTypes;
const HYPERDISK: readonly DiskType[] = ["hyperdisk-balanced"];

/** Boot disks that a machine series takes. Series for x86-64 alone: the hosts' programs are built for it. */
const DISKS_OF_SERIES: Readonly<Record<string, readonly DiskType[]>> = {
  e2: PERSISTENT,
  n1: PERSISTENT,
  n2: PERSISTENT,
  n2d: PERSISTENT,
  t2d: PERSISTENT,
  c2: PERSISTENT,
  c2d: PERSISTENT,
  c3: BOTH,
  c3d: BOTH,
  c4: HYPERDISK,
  c4d: HYPERDISK,
  n4: HYPERDISK,
  n4d: HYPERDISK,
};

/** The known machine series. */
export const machineSeries = Object.keys(DISKS_OF_SERIES);

/** The series of a machine type: `n2` of `n2-standard-4`. */
export function seriesOf(machineType: string): string {
  return machineType.split("-")[0]!;
}

/** Disk types that a machine type takes, or undefined when its series isn't known. */
export function disksFor(machineType: string): readonly DiskType[] | undefined {
  return DISKS_OF_SERIES[seriesOf(machineType)];
}

/** IOPS that a zonal persistent disk has for each GB of its size. They can't be bought apart. */
export const IOPS_PER_GB: Readonly<Partial<Record<DiskType, number>>> = { "pd-ssd": 30, "pd-balanced": 6 };

/** A Hyperdisk Balanced volume takes at most this many IOPS for each GB of its size. */
export const HYPERDISK_IOPS_PER_GB = 500;

/** A Hyperdisk Balanced volume has these without being asked, at no extra price. */
export const HYPERDISK_BASELINE = { iops: 3000, throughputMiBps: 140 } as const;

/** A Hyperdisk Balanced volume takes at most one MiB/s for this many IOPS. */
export const HYPERDISK_IOPS_PER_MIBPS = 4;

/** Family of an image's operating system. The settings take those of Ubuntu and of Debian. */
export function familyOfImage(image: string): OsFamily {
  return /debian/.test(image) ? "debian" : "ubuntu";
}
