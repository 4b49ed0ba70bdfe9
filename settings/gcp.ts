import { z } from "zod";
import { address, decimal, flag, name, oneOf, text, whole } from "./fields";
import { diskTypes, HYPERDISK_BASELINE } from "./gcpCatalogue";

/** What the id of a project may be, in words and as a pattern. */
export const PROJECT = "the id of a Google Cloud project: 6 to 30 of a-z, 0-9 and -, starting with a letter";
export const PROJECT_ID = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

const ZONES = "a list of one to three zones such as us-west2-a";
const MACHINE_TYPE = "a machine type such as n2-standard-4";

const machineType = () => text(MACHINE_TYPE).regex(/^[a-z0-9]+(-[a-z0-9]+){1,3}$/, { error: MACHINE_TYPE });

const disk = z.strictObject({
  type: oneOf(diskTypes)
    .default("pd-ssd")
    .describe("Type of the boot disks. The machine's series has to take it."),
  sizeGb: whole(10, 65536, "GB")
    .default(100)
    .describe("Size. `pd-ssd` has 30 IOPS for each GB, 3,000 of 100 GB, beside the machine's baseline."),
  iops: whole(HYPERDISK_BASELINE.iops, 160000, "IOPS")
    .optional()
    .describe("IOPS to provision, of `hyperdisk-balanced` alone. Without it: 3,000."),
  throughputMiBps: whole(HYPERDISK_BASELINE.throughputMiBps, 2400, "MiB/s")
    .optional()
    .describe("Throughput to provision, of `hyperdisk-balanced` alone. Without it: 140."),
});

const flowLogs = z.strictObject({
  sampling: decimal(0.01, 1, "of the flows").default(0.1).describe("Part of the flows that is recorded."),
  interval: oneOf(["5s", "30s", "1m", "5m", "10m", "15m"])
    .default("1m")
    .describe("Time that is summed up in one record."),
});

const snapshots = z.strictObject({
  startTime: text("a full hour in UTC such as 10:00")
    .regex(/^([01]\d|2[0-3]):00$/, { error: "a full hour in UTC such as 10:00" })
    .default("10:00")
    .describe("When the daily snapshots start, UTC."),
  keepDays: whole(1, 365, "days").default(14).describe("How long a snapshot is kept."),
});

const host = z.strictObject({
  name: name("a host's name").describe("Name of the host within its site, e.g. `app1`."),
  privateAddress: address().describe("Its address, in the site's range and none that is taken."),
  machineType: machineType().optional().describe("Machine type. Without it: the gateways'."),
  zone: text("a zone such as us-west2-a").optional().describe("Zone. Without it: the first of `zones`."),
});

/** A site that is made on Google Cloud. */
export const gcp = z
  .strictObject({
    project: text(PROJECT)
      .regex(PROJECT_ID, { error: PROJECT })
      .describe("Id of the project, which exists and has billing on."),
    region: text("a region such as us-west2").describe("Region, e.g. `us-west2`."),
    zones: z
      .array(text("a zone such as us-west2-a"), { error: ZONES })
      .min(1, { error: ZONES })
      .max(3, { error: ZONES })
      .describe("Zones of the region for the gateways, in turn."),
    gateways: whole(1, 2, "gateways")
      .default(1)
      .describe(
        "Gateways. The second one is made, with an address and a load balancer before both, and carries nothing yet.",
      ),
    machineType: machineType().default("n2-standard-4").describe("Machine type of the gateways."),
    image: text("an image of Ubuntu or Debian, such as ubuntu-os-cloud/ubuntu-2204-lts")
      .regex(/ubuntu|debian/, {
        error: "an image of Ubuntu or Debian, such as ubuntu-os-cloud/ubuntu-2204-lts",
      })
      .default("ubuntu-os-cloud/ubuntu-2204-lts")
      .describe("Image of new machines. Machines that exist keep theirs."),
    interface: text("an interface's name")
      .max(15)
      .default("ens4")
      .describe("Name that the image gives the machine's interface. `ens4` on N2."),
    disk: disk.prefault({}).describe("The machines' boot disks."),
    hosts: z
      .array(host, { error: "a list of hosts" })
      .default([])
      .describe("Machines of the site that are no gateways. They have no public address."),
    network: z
      .strictObject({
        mtu: whole(1300, 8896, "bytes").default(1460).describe("MTU of the VPC network."),
        flowLogs: z
          .union([flowLogs, z.literal("off")], { error: "`off`, or sampling and interval" })
          .default("off")
          .describe("Records of the subnet's flows, which cost by volume."),
      })
      .prefault({})
      .describe("The site's VPC network."),
    ssh: z
      .strictObject({
        iap: flag().default(false).describe("Admit SSH by Identity-Aware Proxy too, from 35.235.240.0/20."),
        osLogin: flag()
          .default(false)
          .describe("Operators log in by OS Login. The deployment's own login stays."),
      })
      .prefault({})
      .describe("SSH beside `access`."),
    snapshots: z
      .union([snapshots, z.literal("off")], { error: "`off`, or startTime and keepDays" })
      .prefault({})
      .describe("Daily snapshots of the machines' disks."),
  })
  .describe("The site is made on Google Cloud.");

export type GcpSettings = z.output<typeof gcp>;
export type GcpDisk = GcpSettings["disk"];
export type GcpHost = GcpSettings["hosts"][number];
