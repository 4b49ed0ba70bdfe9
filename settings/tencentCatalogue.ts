import type { OsFamily } from "../components/host/host";
import type { Coordinates } from "../components/sites/site";

/**
 * What Tencent Cloud offers, as far as the settings have to know it. Its pages on regions and zones, on instance types, on cloud
 * disks, on elastic IPs and on public images say more.
 */

/**
 * Regions that Tencent sells to everybody, with the numbers of the zones that machines can stand in (its page on regions and zones;
 * some zones are for accounts that ask) and the place of their city, in degrees. A new zone is one more number here.
 */
const REGIONS: Readonly<Record<string, Coordinates & { readonly zones: readonly number[] }>> = {
  "ap-bangkok": { zones: [1, 2], latitude: 13.75, longitude: 100.5 },
  "ap-beijing": { zones: [3, 4, 5, 6, 7, 8], latitude: 39.9, longitude: 116.4 },
  "ap-chengdu": { zones: [1, 2], latitude: 30.57, longitude: 104.07 },
  "ap-chongqing": { zones: [1], latitude: 29.56, longitude: 106.55 },
  "ap-guangzhou": { zones: [3, 4, 5, 6, 7], latitude: 23.13, longitude: 113.26 },
  "ap-hongkong": { zones: [1, 2, 3], latitude: 22.32, longitude: 114.17 },
  "ap-jakarta": { zones: [1, 2, 3], latitude: -6.21, longitude: 106.85 },
  "ap-nanjing": { zones: [1, 2, 3], latitude: 32.06, longitude: 118.8 },
  "ap-seoul": { zones: [1, 2], latitude: 37.57, longitude: 126.98 },
  "ap-shanghai": { zones: [2, 3, 4, 5, 8, 9], latitude: 31.23, longitude: 121.47 },
  "ap-singapore": { zones: [1, 2, 3, 4], latitude: 1.35, longitude: 103.82 },
  "ap-tokyo": { zones: [1, 2], latitude: 35.69, longitude: 139.69 },
  "ap-zhongwei": { zones: [1], latitude: 37.5, longitude: 105.2 },
  "eu-frankfurt": { zones: [1, 2], latitude: 50.11, longitude: 8.68 },
  "me-saudi-arabia": { zones: [1, 2], latitude: 24.71, longitude: 46.68 },
  "na-ashburn": { zones: [1, 2], latitude: 39.04, longitude: -77.49 },
  "na-siliconvalley": { zones: [1, 2], latitude: 37.37, longitude: -121.97 },
  "sa-saopaulo": { zones: [1], latitude: -23.53, longitude: -46.79 },
};

/** The known regions, in the order of their names. */
export const regions = Object.keys(REGIONS);

/** Names of a region's zones, or undefined for a region that isn't known. */
export function zonesOf(region: string): string[] | undefined {
  return REGIONS[region]?.zones.map((number) => `${region}-${number}`);
}

/** Where a region stands, or undefined for one that isn't known. */
export function placeOf(region: string): Coordinates | undefined {
  return REGIONS[region];
}

/** An operating system that machines can be made with. */
interface System {
  readonly family: OsFamily;
  /** Names of its public images, as a regular expression of RE2. They end in "64bit" or "64位", by the account's language. */
  readonly images: string;
  /** Day after which its maker repairs nothing any more, for what is past it. */
  readonly endOfLife?: string;
  /** Where the operating system needs something else than its family does, one clause. */
  readonly caveat?: string;
}

/** The operating systems by their names in the settings. Variants (UEFI, GPU drivers, ARM) have more words and don't match. */
export const systems = {
  rocky9: { family: "rhel", images: "^Rocky Linux 9(\\.\\d+)? 64[^\\s(]*$" },
  alma9: { family: "rhel", images: "^AlmaLinux 9(\\.\\d+)? 64[^\\s(]*$" },
  ubuntu2204: { family: "ubuntu", images: "^Ubuntu Server 22\\.04(\\.\\d+)? LTS 64[^\\s(]*$" },
  debian12: { family: "debian", images: "^Debian 12(\\.\\d+)? 64[^\\s(]*$" },
  centos79: {
    family: "centos7",
    images: "^CentOS 7\\.9(\\.\\d+)? 64[^\\s(]*$",
    endOfLife: "2024-06-30",
    caveat:
      "its kernel and nft lack the matches of the link's guard, in whose place is an iptables policy match",
  },
} as const satisfies Readonly<Record<string, System>>;

export type SystemName = keyof typeof systems;

export const systemNames = Object.keys(systems) as [SystemName, ...SystemName[]];

/** The operating system of that name. */
export function systemOf(name: SystemName): System {
  return systems[name];
}

/** Types of system disks that lie in the network. Local ones die with their machine. */
export const diskTypes = ["CLOUD_SSD", "CLOUD_PREMIUM", "CLOUD_BSSD", "CLOUD_HSSD", "CLOUD_TSSD"] as const;

export type DiskType = (typeof diskTypes)[number];

const OLDER: readonly DiskType[] = ["CLOUD_SSD", "CLOUD_PREMIUM"];
/** Enhanced SSD takes a machine of the fifth generation or of SA2 on. */
const ENHANCED: readonly DiskType[] = [...OLDER, "CLOUD_BSSD", "CLOUD_HSSD"];
/** Tremendous SSD takes S5se, S6, SA3 or later. */
const TREMENDOUS: readonly DiskType[] = [...ENHANCED, "CLOUD_TSSD"];

/** Disks that the families of standard machines take. */
const DISKS_OF: Readonly<Record<string, readonly DiskType[]>> = {
  S4: OLDER,
  S5: ENHANCED,
  S5se: TREMENDOUS,
  S6: TREMENDOUS,
  S8: TREMENDOUS,
  SA2: ENHANCED,
  SA3: TREMENDOUS,
  SA5: TREMENDOUS,
};

/** Families of standard machines, for messages. */
export const families = Object.keys(DISKS_OF);

/** The parts of an instance type: `S5.LARGE8` is of family S5, has 4 processors and 8 GB. */
export interface InstanceType {
  readonly family: string;
  /** Virtual processors. */
  readonly processors: number;
  /** Memory, GB. */
  readonly memory: number;
}

/** Shape of an instance type. */
export const INSTANCE_TYPE = /^([A-Za-z0-9]+)\.(SMALL|MEDIUM|LARGE|(\d+)XLARGE)(\d+)$/;

/** Reads an instance type that matches {@link INSTANCE_TYPE}. */
export function instanceTypeOf(text: string): InstanceType {
  const [, family = "", size = "", times = "1", memory = ""] = INSTANCE_TYPE.exec(text) ?? [];
  const processors = { SMALL: 1, MEDIUM: 2, LARGE: 4 }[size] ?? Number(times) * 4;
  return { family, processors, memory: Number(memory) };
}

/** Disks that an instance type takes; undefined for families that aren't known here. */
export function disksFor(instanceType: string): readonly DiskType[] | undefined {
  return DISKS_OF[instanceTypeOf(instanceType).family];
}

/** Ways to pay for an elastic IP's traffic, and the highest bandwidth in Mbit/s of each (the API's AllocateAddresses). */
export const HIGHEST_BANDWIDTH = {
  TRAFFIC_POSTPAID_BY_HOUR: 100,
  BANDWIDTH_POSTPAID_BY_HOUR: 100,
  BANDWIDTH_PACKAGE: 2000,
} as const;

export type ChargeType = keyof typeof HIGHEST_BANDWIDTH;

export const chargeTypes = Object.keys(HIGHEST_BANDWIDTH) as [ChargeType, ...ChargeType[]];

/** Ranges that a network may be a part of, with its shortest prefix (the API's CreateVpc, and the page on VPC limits). */
export const NETWORK_RANGES = [
  { range: "10.0.0.0/8", shortest: 12 },
  { range: "172.16.0.0/12", shortest: 12 },
  { range: "192.168.0.0/16", shortest: 16 },
] as const;

/** Longest prefix of a network and of a subnet. */
export const LONGEST_PREFIX = 28;

/** Longest name of a key pair. The stack's and the site's are its parts. */
export const LONGEST_KEY_NAME = 25;
