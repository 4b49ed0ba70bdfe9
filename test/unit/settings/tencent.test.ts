import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import { regions } from "../../../settings/tencentCatalogue";
import { errorsOf, tencentSettings } from "./fixtures";

const key = "crossborder:sites.sg.tencent";

/** The settings with another range of the site. */
function withRange(cidr: string): Record<string, unknown> {
  const settings = tencentSettings();
  const { la, sg } = settings["sites"] as Record<string, object>;
  return { ...settings, sites: { la, sg: { ...sg, cidr } } };
}

test("a site on Tencent Cloud needs its zone; the rest is production's", () => {
  expect(errorsOf(tencentSettings())).toEqual([]);
  expect(parseSettings(tencentSettings()).sites["sg"]!.tencent).toEqual({
    region: "ap-singapore",
    zone: "ap-singapore-2",
    gateways: 1,
    instanceType: "S5.LARGE8",
    placement: "HOST",
    os: "rocky9",
    acknowledgeEndOfLife: false,
    interface: "eth0",
    mtu: 1500,
    disk: { type: "CLOUD_SSD", sizeGb: 100, encrypt: true },
    address: { kind: "EIP", chargeType: "TRAFFIC_POSTPAID_BY_HOUR", bandwidthMbps: 100 },
    bandwidthPackage: "off",
    publicPorts: [],
    accelerator: "off",
    snapshots: { hours: [18], weekdays: [0, 1, 2, 3, 4, 5, 6], keepDays: 14 },
  });
});

test.each<[string, Record<string, unknown>, string]>([
  [
    "a missing zone",
    { zone: undefined },
    `${key}.zone is missing; it must be a zone such as ap-singapore-2.`,
  ],
  [
    "a zone of another region",
    { zone: "ap-hongkong-2" },
    `${key}.zone is "ap-hongkong-2"; it must be a zone of the region ap-singapore: ap-singapore-1, ap-singapore-2, ap-singapore-3, ap-singapore-4.`,
  ],
  [
    "a zone that its region doesn't have",
    { zone: "ap-singapore-5" },
    `${key}.zone is "ap-singapore-5"; it must be a zone of the region ap-singapore: ap-singapore-1, ap-singapore-2, ap-singapore-3, ap-singapore-4.`,
  ],
  [
    "a region that there isn't",
    { region: "ap-losangeles", zone: "ap-losangeles-1" },
    `${key}.region is "ap-losangeles"; it must be a region of Tencent Cloud: ${regions.join(", ")}.`,
  ],
  [
    "an instance type that doesn't exist",
    { instanceType: "S5.LARGE2" },
    `${key}.instanceType is "S5.LARGE2", which would have 2 GB for 4 processors; ` +
      "its last number must be the memory in GB, such as in S5.LARGE8.",
  ],
  [
    "a family that isn't known",
    { instanceType: "S99.LARGE8" },
    `${key}.instanceType is "S99.LARGE8"; its family must be one of S4, S5, S5se, S6, S8, SA2, SA3, SA5.`,
  ],
  [
    "a word for an instance type",
    { instanceType: "large" },
    `${key}.instanceType is "large"; it must be an instance type such as S5.LARGE8, whose last number is the memory in GB.`,
  ],
  [
    "a disk that the family doesn't take",
    { disk: { type: "CLOUD_TSSD" } },
    `${key}.disk.type is "CLOUD_TSSD", which the family S5 doesn't take; ` +
      "it must be one of CLOUD_SSD, CLOUD_PREMIUM, CLOUD_BSSD, CLOUD_HSSD.",
  ],
  [
    "an operating system past its life",
    { os: "centos79" },
    `${key}.os is "centos79", which has had no repairs since 2024-06-30; it needs ${key}.acknowledgeEndOfLife: true.`,
  ],
  [
    "more bandwidth than is sold",
    { address: { bandwidthMbps: 200 } },
    `${key}.address.bandwidthMbps is 200; with chargeType TRAFFIC_POSTPAID_BY_HOUR it must be at most 100.`,
  ],
  [
    "an address that is charged to no package",
    { address: { chargeType: "BANDWIDTH_PACKAGE" } },
    `${key}.address.chargeType is "BANDWIDTH_PACKAGE", but ${key}.bandwidthPackage is "off"; it must be on.`,
  ],
  [
    "a package that no address is charged to",
    { bandwidthPackage: {} },
    `${key}.address.chargeType is "TRAFFIC_POSTPAID_BY_HOUR"; it must be BANDWIDTH_PACKAGE, because ${key}.bandwidthPackage is on.`,
  ],
  [
    "an anycast address in a package",
    { address: { kind: "AnycastEIP", chargeType: "BANDWIDTH_PACKAGE" }, bandwidthPackage: {} },
    `${key}.address.kind is "AnycastEIP", whose bandwidth packages are not made here; ${key}.address.chargeType must be another.`,
  ],
  [
    "an anycast zone of an address that is none",
    { address: { anycastZone: "ANYCAST_ZONE_GLOBAL" } },
    `${key}.address.anycastZone is "ANYCAST_ZONE_GLOBAL"; it must be left out, because ${key}.address.kind is "EIP".`,
  ],
  [
    "SSH for everybody",
    { publicPorts: [443, 22] },
    `${key}.publicPorts has 22, which is sshd's; it must be open to nobody else.`,
  ],
  [
    "a port that is accelerated and shut",
    { publicPorts: [80], accelerator: { areas: [{ region: "ap-jakarta" }], ports: [80, 443] } },
    `${key}.accelerator.ports has 443; it must name ports of ${key}.publicPorts: 80.`,
  ],
  [
    "an area twice",
    {
      publicPorts: [80],
      accelerator: { areas: [{ region: "ap-jakarta" }, { region: "ap-jakarta" }], ports: [80] },
    },
    `${key}.accelerator.areas has ap-jakarta twice; each region must be named once.`,
  ],
  [
    "an hour that no day has",
    { snapshots: { hours: [24] } },
    `${key}.snapshots.hours[0] is 24; it must be a whole number of the day's hours from 0 to 23.`,
  ],
  [
    "an image that is a name",
    { image: "Rocky Linux 9.4" },
    `${key}.image is "Rocky Linux 9.4"; it must be an image's id such as img-487zeit5.`,
  ],
])("%s is one sentence", (_, set, sentence) => {
  expect(errorsOf(tencentSettings(set))).toEqual([sentence]);
});

test("the backup path's port is not for everybody either", () => {
  const settings = { ...tencentSettings({ publicPorts: [8443] }), backup: { port: 8443 } };
  expect(errorsOf(settings)).toContain(
    `${key}.publicPorts has 8443, which is the backup path's proxy's; it must be open to nobody else.`,
  );
});

test.each([
  ["172.32.0.0/16", "must lie in one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16."],
  ["10.0.0.0/8", "must be a /12 to a /28: Tencent makes no other networks."],
  ["10.20.0.0/29", "must be a /12 to a /28: Tencent makes no other networks."],
])("the range %s can't be a network", (cidr, sentence) => {
  expect(errorsOf(withRange(cidr))).toContain(
    `crossborder:sites.sg.cidr is ${cidr}; with tencent it ${sentence}`,
  );
});

test("a site's name has to fit into a key pair's", () => {
  const settings = tencentSettings();
  const { la, sg } = settings["sites"] as Record<string, object>;
  expect(errorsOf({ ...settings, sites: { la, singaporenorth: sg } })).toEqual([
    "crossborder:sites.singaporenorth has a name of 14 characters; with tencent it must have at most 13: " +
      "Tencent's names of key pairs end at 25.",
  ]);
});

test("all is told at once", () => {
  expect(
    errorsOf(tencentSettings({ zone: "ap-hongkong-2", os: "centos79", instanceType: "S5.LARGE2" })),
  ).toHaveLength(3);
});

test("what is allowed and unwise is a warning", () => {
  const found = warnings(
    parseSettings(tencentSettings({ os: "centos79", acknowledgeEndOfLife: true, gateways: 2 })),
  ).filter((warning) => warning.startsWith(`${key}.`));
  expect(found).toEqual([
    `${key}.os is "centos79": nobody has repaired it since 2024-06-30, and its kernel and nft lack the matches of the link's ` +
      "guard, in whose place is an iptables policy match.",
    `${key}.gateways is 2: the routes lead to a HaVip, which no software of this program claims yet: with it, hosts of the site don't reach the other one.`,
  ]);
});
