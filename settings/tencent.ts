import { z } from "zod";
import { flag, oneOf, text, whole } from "./fields";
import { chargeTypes, diskTypes, INSTANCE_TYPE, systemNames } from "./tencentCatalogue";

const REGION = "a region of Tencent Cloud such as ap-singapore";
const ZONE = "a zone such as ap-singapore-2";
const INSTANCE = "an instance type such as S5.LARGE8, whose last number is the memory in GB";
const IMAGE = "an image's id such as img-487zeit5";
const HOURS = "a list of whole hours of the day from 0 to 23";
const WEEKDAYS = "a list of days from 0, Sunday, to 6";

const matching = (allowed: string, pattern: RegExp) => text(allowed).regex(pattern, { error: allowed });
const region = () => matching(REGION, /^[a-z]{2}(-[a-z]+)+$/);

const disk = z.strictObject({
  type: oneOf(diskTypes)
    .default("CLOUD_SSD")
    .describe("Type of the system disks. The machines' family has to take it."),
  sizeGb: whole(20, 2048, "GB").default(100).describe("Size."),
  encrypt: flag()
    .default(true)
    .describe("Encrypt them, with the key that Tencent keeps for the account. Not every account may."),
});

const address = z.strictObject({
  kind: oneOf(["EIP", "AnycastEIP"])
    .default("EIP")
    .describe(
      "`AnycastEIP` has traffic enter Tencent's network near its source. Accounts have to apply for it.",
    ),
  anycastZone: oneOf(["ANYCAST_ZONE_OVERSEAS", "ANYCAST_ZONE_GLOBAL"])
    .optional()
    .describe("Where an `AnycastEIP` is announced. Without it: outside of mainland China."),
  chargeType: oneOf(chargeTypes)
    .default("TRAFFIC_POSTPAID_BY_HOUR")
    .describe("How its traffic is paid. `BANDWIDTH_PACKAGE` goes with `bandwidthPackage`."),
  bandwidthMbps: whole(1, 2000, "Mbit/s")
    .default(100)
    .describe("Highest outgoing bandwidth. At most 100 unless in a bandwidth package."),
});

const bandwidthPackage = z.strictObject({
  networkType: oneOf(["BGP", "HIGH_QUALITY_BGP"])
    .default("BGP")
    .describe("Lines of the package. Few regions have `HIGH_QUALITY_BGP`."),
  chargeType: oneOf([
    "ENHANCED95_POSTPAID_BY_MONTH",
    "PERCENT95_POSTPAID_BY_MONTH",
    "TOP5_POSTPAID_BY_MONTH",
    "BANDWIDTH_POSTPAID_BY_DAY",
  ])
    .default("ENHANCED95_POSTPAID_BY_MONTH")
    .describe("How it is paid."),
  limitMbps: whole(1, 50000, "Mbit/s").default(1000).describe("Highest bandwidth of the whole package."),
});

const port = () => whole(1, 65535, "a TCP port");

const accelerator = z.strictObject({
  areas: z
    .array(
      z.strictObject({
        region: region().describe("Region where users enter, e.g. `ap-jakarta`."),
        bandwidthMbps: whole(1, 10000, "Mbit/s").default(10).describe("Bandwidth from there."),
        line: oneOf(["BGP", "QUALITY_BGP"]).default("BGP").describe("Lines of the addresses there."),
      }),
      { error: "a list of at least one area" },
    )
    .min(1, { error: "a list of at least one area" })
    .describe("Where users enter."),
  ports: z
    .array(port(), { error: "a list of at least one TCP port" })
    .min(1, { error: "a list of at least one TCP port" })
    .describe("TCP ports that are accelerated, of `publicPorts`."),
});

const snapshots = z.strictObject({
  hours: z
    .array(whole(0, 23, "the day's hours"), { error: HOURS })
    .min(1, { error: HOURS })
    .default([18])
    .describe("When, by the clock of Tencent's console."),
  weekdays: z
    .array(whole(0, 6, "the week's days"), { error: WEEKDAYS })
    .min(1, { error: WEEKDAYS })
    .default([0, 1, 2, 3, 4, 5, 6])
    .describe("On which days of the week; 0 is Sunday."),
  keepDays: whole(1, 365, "days").default(14).describe("How long a snapshot is kept."),
});

/** A site that is made on Tencent Cloud. */
export const tencent = z
  .strictObject({
    region: region().default("ap-singapore").describe("Region."),
    zone: matching(ZONE, /^[a-z]{2}(-[a-z]+)+-\d+$/).describe(
      "Zone of the region for the subnet and the gateways, e.g. `ap-singapore-2`.",
    ),
    gateways: whole(1, 2, "gateways")
      .default(1)
      .describe(
        "Gateways. The second one is made and carries nothing yet; the routes then lead to a HaVip, which nobody claims.",
      ),
    instanceType: matching(INSTANCE, INSTANCE_TYPE)
      .default("S5.LARGE8")
      .describe("Instance type of the gateways. `S5.LARGE8` has 4 processors and 8 GB."),
    placement: oneOf(["HOST", "SW", "RACK"])
      .default("HOST")
      .describe("What two gateways don't share: a physical machine, a switch, or a rack."),
    os: oneOf(systemNames)
      .default("rocky9")
      .describe("Operating system of new machines, of which the newest public image is taken."),
    acknowledgeEndOfLife: flag().default(false).describe("Needed for `centos79`, which nobody repairs."),
    image: matching(IMAGE, /^img-[a-z0-9]+$/)
      .optional()
      .describe("Image of new machines, of the system that `os` names, in place of the newest public one."),
    interface: text("an interface's name")
      .max(15)
      .default("eth0")
      .describe("Name that the image gives the machine's interface."),
    mtu: whole(1280, 8500, "bytes").default(1500).describe("MTU of that interface's network, in bytes."),
    disk: disk.prefault({}).describe("The machines' system disks."),
    address: address.prefault({}).describe("The gateways' public addresses."),
    bandwidthPackage: z
      .union([bandwidthPackage, z.literal("off")], { error: "`off`, or the package's own settings" })
      .default("off")
      .describe("A bandwidth package that the public addresses are in."),
    publicPorts: z
      .array(port(), { error: "a list of TCP ports" })
      .default([])
      .describe("TCP ports of the gateways that are open to everybody: the service's, for its users."),
    accelerator: z
      .union([accelerator, z.literal("off")], { error: "`off`, or areas and ports" })
      .default("off")
      .describe("A global accelerator before the first gateway's public address."),
    snapshots: z
      .union([snapshots, z.literal("off")], { error: "`off`, or hours, weekdays and keepDays" })
      .prefault({})
      .describe("Snapshots of the machines' disks."),
  })
  .describe("The site is made on Tencent Cloud.");

export type TencentSettings = z.output<typeof tencent>;
export type TencentAccelerator = Exclude<TencentSettings["accelerator"], "off">;
