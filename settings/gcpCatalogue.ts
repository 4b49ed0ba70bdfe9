import type { OsFamily } from "../components/host/host";
import type { Coordinates } from "../components/sites/site";
import { greatCircleKm } from "../providers/probes/physics";

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

/** Regions that Google sells to everybody, and where they stand: their city, in degrees. A new one is one more line here. */
const REGIONS: Readonly<Record<string, Coordinates>> = {
  "africa-south1": { latitude: -26.2, longitude: 28.05 },
  "asia-east1": { latitude: 24.05, longitude: 120.52 },
  "asia-east2": { latitude: 22.32, longitude: 114.17 },
  "asia-northeast1": { latitude: 35.69, longitude: 139.69 },
  "asia-northeast2": { latitude: 34.69, longitude: 135.5 },
  "asia-northeast3": { latitude: 37.57, longitude: 126.98 },
  "asia-south1": { latitude: 19.08, longitude: 72.88 },
  "asia-south2": { latitude: 28.61, longitude: 77.21 },
  "asia-southeast1": { latitude: 1.35, longitude: 103.82 },
  "asia-southeast2": { latitude: -6.21, longitude: 106.85 },
  "asia-southeast3": { latitude: 13.75, longitude: 100.5 },
  "australia-southeast1": { latitude: -33.87, longitude: 151.21 },
  "australia-southeast2": { latitude: -37.81, longitude: 144.96 },
  "europe-central2": { latitude: 52.23, longitude: 21.01 },
  "europe-north1": { latitude: 60.57, longitude: 27.2 },
  "europe-north2": { latitude: 59.33, longitude: 18.07 },
  "europe-southwest1": { latitude: 40.42, longitude: -3.7 },
  "europe-west1": { latitude: 50.45, longitude: 3.82 },
  "europe-west2": { latitude: 51.51, longitude: -0.13 },
  "europe-west3": { latitude: 50.11, longitude: 8.68 },
  "europe-west4": { latitude: 53.44, longitude: 6.84 },
  "europe-west6": { latitude: 47.38, longitude: 8.54 },
  "europe-west8": { latitude: 45.46, longitude: 9.19 },
  "europe-west9": { latitude: 48.86, longitude: 2.35 },
  "europe-west10": { latitude: 52.52, longitude: 13.4 },
  "europe-west12": { latitude: 45.07, longitude: 7.69 },
  "me-central1": { latitude: 25.29, longitude: 51.53 },
  "me-central2": { latitude: 26.43, longitude: 50.1 },
  "me-west1": { latitude: 32.09, longitude: 34.78 },
  "northamerica-northeast1": { latitude: 45.5, longitude: -73.57 },
  "northamerica-northeast2": { latitude: 43.65, longitude: -79.38 },
  "northamerica-south1": { latitude: 20.59, longitude: -100.39 },
  "southamerica-east1": { latitude: -23.53, longitude: -46.79 },
  "southamerica-west1": { latitude: -33.45, longitude: -70.67 },
  "us-central1": { latitude: 41.26, longitude: -95.86 },
  "us-east1": { latitude: 33.2, longitude: -80.01 },
  "us-east4": { latitude: 39.04, longitude: -77.49 },
  "us-east5": { latitude: 39.96, longitude: -83 },
  "us-south1": { latitude: 32.78, longitude: -96.8 },
  "us-west1": { latitude: 45.59, longitude: -121.18 },
  "us-west2": { latitude: 34.05, longitude: -118.24 },
  "us-west3": { latitude: 40.76, longitude: -111.89 },
  "us-west4": { latitude: 36.17, longitude: -115.14 },
};

/** Names of a region's zones, or undefined for a region that isn't known. */
export function zonesOf(region: string): string[] | undefined {
  if (!(region in REGIONS)) return undefined;
  return [...(OTHER_ZONES[region] ?? "abc")].map((letter) => `${region}-${letter}`);
}

/** The known regions, in the order of their names. */
export const regions = Object.keys(REGIONS);

/** Where a region stands, or undefined for one that isn't known. */
export function placeOf(region: string): Coordinates | undefined {
  return REGIONS[region];
}

/** The region that stands nearest to a place, along the great circle. */
export function nearestRegion(place: Coordinates): string {
  const distance = (region: string): number => greatCircleKm(place, REGIONS[region]!);
  return regions.reduce((nearest, region) => (distance(region) < distance(nearest) ? region : nearest));
}

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

/**
 * IOPS that a zonal persistent disk has for each GB of its size (Google's page on Persistent Disk performance). They can't be bought
 * apart. Google adds a baseline that all disks of one type in a machine share.
 */
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
