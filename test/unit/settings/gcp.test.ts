import { nearestRegion, zonesOf } from "../../../settings/gcpCatalogue";
import { parseSettings } from "../../../settings/parse";
import { errorsOf, gcpSettings, validSettings, withValue } from "./fixtures";

const key = "crossborder:sites.la.gcp";

test("a site on Google Cloud needs its project, region and zones; the rest is production's", () => {
  expect(errorsOf(gcpSettings())).toEqual([]);
  expect(parseSettings(gcpSettings()).sites["la"]!.gcp).toEqual({
    project: "my-project",
    region: "us-west2",
    zones: ["us-west2-a", "us-west2-b"],
    gateways: 1,
    machineType: "n2-standard-4",
    image: "ubuntu-os-cloud/ubuntu-2204-lts",
    interface: "ens4",
    disk: { type: "pd-ssd", sizeGb: 100 },
    hosts: [],
    network: { mtu: 1460, flowLogs: "off" },
    ssh: { iap: false, osLogin: false },
    snapshots: { startTime: "10:00", keepDays: 14 },
  });
});

test.each<[string, Record<string, unknown>, string]>([
  [
    "a missing project",
    { project: undefined },
    `${key}.project is missing; it must be the id of a Google Cloud project: 6 to 30 of a-z, 0-9 and -, starting with a letter.`,
  ],
  [
    "a region that is none",
    { region: "us-west22" },
    `${key}.region is "us-west22"; it must be a region of Google Cloud: africa-south1, `,
  ],
  [
    "a zone of another region",
    { zones: ["us-west2-a", "us-west1-a"] },
    `${key}.zones[1] is "us-west1-a"; it must be a zone of the region us-west2: us-west2-a, us-west2-b, us-west2-c.`,
  ],
  [
    "a zone that the region lacks",
    { zones: ["us-west2-d"] },
    `${key}.zones[0] is "us-west2-d"; it must be a zone of the region us-west2: us-west2-a, us-west2-b, us-west2-c.`,
  ],
  [
    "a host in a zone that is none",
    { hosts: [{ name: "app1", privateAddress: "10.10.0.10", zone: "us-west2-z" }] },
    `${key}.hosts[0].zone is "us-west2-z"; it must be a zone of the region us-west2`,
  ],
  [
    "a machine series that isn't known",
    { machineType: "n9-standard-4" },
    `${key}.machineType is "n9-standard-4"; its series must be one of e2, n1, n2, `,
  ],
  [
    "a disk that the series doesn't take",
    { disk: { type: "hyperdisk-balanced", iops: 3000 } },
    `${key}.disk.type is "hyperdisk-balanced", which the series n2 of ${key}.machineType doesn't take; it must be one of pd-ssd, pd-balanced.`,
  ],
  [
    "a persistent disk on a series that takes none",
    { machineType: "n4-standard-4" },
    `${key}.disk.type is "pd-ssd", which the series n4 of ${key}.machineType doesn't take; it must be one of hyperdisk-balanced.`,
  ],
  [
    "a host whose series doesn't take the disk",
    { hosts: [{ name: "app1", privateAddress: "10.10.0.10", machineType: "c4-standard-4" }] },
    `${key}.disk.type is "pd-ssd", which the series c4 of ${key}.hosts[0].machineType doesn't take`,
  ],
  [
    "IOPS that pd-ssd has by its size",
    { disk: { iops: 3000 } },
    `${key}.disk.iops is 3000; with pd-ssd it must be left out: that has 30 IOPS for each GB, 3000 of 100 GB, and none to provision.`,
  ],
  [
    "throughput of a persistent disk",
    { disk: { throughputMiBps: 200 } },
    `${key}.disk.throughputMiBps is 200; with pd-ssd it must be left out`,
  ],
  [
    "more IOPS than the size allows",
    { machineType: "c3-standard-4", disk: { type: "hyperdisk-balanced", sizeGb: 10, iops: 6000 } },
    `${key}.disk.iops is 6000; it must be at most 5000: 500 for each of 10 GB.`,
  ],
  [
    "more throughput than the IOPS allow",
    { machineType: "c3-standard-4", disk: { type: "hyperdisk-balanced", throughputMiBps: 800 } },
    `${key}.disk.throughputMiBps is 800; it must be at most 750: one for each 4 of 3000 IOPS.`,
  ],
  [
    "an MTU that Google doesn't have",
    { network: { mtu: 1280 } },
    `${key}.network.mtu is 1280; it must be a whole number of bytes from 1300 to 8896.`,
  ],
  [
    "a network too narrow for the link",
    { network: { mtu: 1400 } },
    "crossborder:link.mtu is 1380; it must be at most 1334: encrypted with profile modern, 1380 bytes make 1448 on an underlay of 1400.",
  ],
  [
    "a host outside the site",
    { hosts: [{ name: "app1", privateAddress: "10.11.0.10" }] },
    `${key}.hosts[0].privateAddress is 10.11.0.10; it must lie in crossborder:sites.la.cidr, which is 10.10.0.0/24.`,
  ],
  [
    "a host at the place of a gateway",
    { hosts: [{ name: "app1", privateAddress: "10.10.0.3" }] },
    `${key}.hosts[0].privateAddress is 10.10.0.3; it must be none of 10.10.0.0, 10.10.0.1, 10.10.0.254, 10.10.0.255, 10.10.0.2, 10.10.0.3, 10.10.0.4,`,
  ],
  [
    "a host with a gateway's name",
    { hosts: [{ name: "gw2", privateAddress: "10.10.0.10" }] },
    `${key}.hosts[0].name is gw2; it must be none of gw1, gw2, the gateways' names.`,
  ],
  [
    "two hosts at one address",
    {
      hosts: [
        { name: "app1", privateAddress: "10.10.0.10" },
        { name: "app2", privateAddress: "10.10.0.10" },
      ],
    },
    `${key}.hosts has app1 at 10.10.0.10 and app2 at 10.10.0.10; their names and addresses must differ.`,
  ],
  [
    "three gateways",
    { gateways: 3 },
    `${key}.gateways is 3; it must be a whole number of gateways from 1 to 2.`,
  ],
])("%s is refused in one sentence", (_, set, sentence) => {
  expect(errorsOf(gcpSettings(set))).toEqual([expect.stringContaining(sentence)]);
});

test("Hyperdisk with provisioned IOPS is taken by a series that takes it", () => {
  const disk = { type: "hyperdisk-balanced", sizeGb: 100, iops: 6000, throughputMiBps: 280 };
  expect(errorsOf(gcpSettings({ machineType: "n4-standard-4", disk }))).toEqual([]);
});

function withSite(set: Record<string, unknown>): Record<string, unknown> {
  const raw = gcpSettings();
  const sites = raw["sites"] as Record<string, Record<string, unknown>>;
  return { ...raw, sites: { ...sites, la: { ...sites["la"], ...set } } };
}

test.each<[string, Record<string, unknown>, string]>([
  [
    "two ways to make a site",
    { existing: { gateways: [] }, publicAddress: "198.51.100.10" },
    "crossborder:sites.la.existing.gateways is []; it must be a list of one or two hosts.",
  ],
  [
    "no way to make a site",
    { gcp: undefined },
    "crossborder:sites.la has none of them; it must have exactly one of existing, gcp, tencent, which tell how it is made.",
  ],
  [
    "an address that the site will be given",
    { publicAddress: "198.51.100.10" },
    "crossborder:sites.la.publicAddress is 198.51.100.10; it must be left out: the site gets its address when it is made.",
  ],
  [
    "a range that is no subnet",
    { cidr: "10.10.0.0/30" },
    "crossborder:sites.la.cidr is 10.10.0.0/30; with gcp it must be at most a /29: Google keeps four addresses of it.",
  ],
  [
    "a range of the Internet",
    { cidr: "198.51.100.0/24" },
    "crossborder:sites.la.cidr is 198.51.100.0/24; with gcp it must lie in one of 10.0.0.0/8, ",
  ],
  [
    "a range of the other site",
    { cidr: "10.20.0.0/16" },
    "crossborder:sites.sg.cidr is 10.20.0.0/24; it must not overlap crossborder:sites.la.cidr, which is 10.20.0.0/16.",
  ],
])("%s is refused in one sentence", (_, set, sentence) => {
  expect(errorsOf(withSite(set))).toEqual([expect.stringContaining(sentence)]);
});

test("a site is made in one way", () => {
  const raw = gcpSettings();
  const existing = (validSettings()["sites"] as Record<string, Record<string, unknown>>)["la"]!;
  const sites = raw["sites"] as Record<string, Record<string, unknown>>;
  const both = { ...raw, sites: { ...sites, la: { ...existing, gcp: sites["la"]!["gcp"] } } };
  expect(errorsOf(both)).toEqual([
    "crossborder:sites.la has existing and gcp; it must have exactly one of existing, gcp, tencent, which tell how it is made.",
  ]);
});

test("hosts that exist have their address in the settings", () => {
  expect(errorsOf(withValue(["sites", "la", "publicAddress"], undefined))).toEqual([
    "crossborder:sites.la.publicAddress is missing; with existing it must be an IPv4 address such as 198.51.100.10.",
  ]);
});

test("without a key nobody could log in to machines that are made", () => {
  expect(errorsOf({ ...gcpSettings(), sshPrivateKey: undefined })).toContain(
    "crossborder:sshPrivateKey is missing; the machines that are made for crossborder:sites.la are logged in to with it.",
  );
});

test("a name that would part others is refused where it becomes a part of them", () => {
  const raw = gcpSettings();
  const { la, sg } = raw["sites"] as Record<string, unknown>;
  const [error] = errorsOf({ ...raw, primary: "sg", sites: { "la-1": la, sg } });
  expect(error).toContain('crossborder:sites.la-1 has a name with a "-"');
});

test("the program's own labels are refused", () => {
  expect(errorsOf({ ...gcpSettings(), labels: { team: "edge", stack: "other" } })).toEqual([
    "crossborder:labels.stack is the program's own label; it must have another name.",
  ]);
});

test.each([{ Team: "edge" }, { team: "Edge" }, { "1team": "edge" }, { team: "" }])(
  "labels that a cloud refuses are refused: %j",
  (labels) => {
    const errors = errorsOf({ ...gcpSettings(), labels });
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^crossborder:labels.* must be labels by name: 1 to 63 of a-z, 0-9, _ and -/);
  },
);

test.each([
  ["Los Angeles", 34.05, -118.24, "us-west2"],
  ["Singapore", 1.35, 103.82, "asia-southeast1"],
  ["Wellington, whose nearest is across a sea", -41.29, 174.78, "australia-southeast1"],
  ["Fairbanks", 64.84, -147.72, "us-west1"],
  ["Adak, across the date line from it", 51.88, -176.66, "asia-northeast1"],
])("the region nearest to %s", (_where, latitude, longitude, region) => {
  expect(nearestRegion({ latitude, longitude })).toBe(region);
});

test("a region that is known has its own zones", () => {
  expect(zonesOf("us-central1")).toContain("us-central1-f");
  expect(zonesOf("us-west22")).toBeUndefined();
});
