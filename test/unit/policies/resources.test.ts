import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Inputs, UNKNOWN } from "../../../policies/inputs";
import { isProduction, type ResourceRule, type Surroundings } from "../../../policies/rule";
import { disksAreEncrypted } from "../../../policies/rules/disks";
import { usersFailOver } from "../../../policies/rules/failover";
import { LABELLED_ON_GOOGLE, labelsAreThere } from "../../../policies/rules/labels";
import { statefulIsProtected } from "../../../policies/rules/protection";
import { sshIsNotOpenToAnybody } from "../../../policies/rules/ssh";

const production: Surroundings = { production: true };

/** What a rule says of a resource named `it`. */
function said(rule: ResourceRule, type: string, inputs: Inputs): string[] {
  return rule.check({ type, name: "it", inputs, protect: false }, production);
}

describe("SSH from anywhere, on Google Cloud", () => {
  const type = "gcp:compute/firewall:Firewall";
  const tcp = (...ports: string[]) => [{ protocol: "tcp", ...(ports.length > 0 ? { ports } : {}) }];
  const says = (inputs: Inputs) => said(sshIsNotOpenToAnybody, type, inputs);

  test("the sentence names the resource, the property, its value and what is allowed", () => {
    expect(says({ sourceRanges: ["192.0.2.0/24", "0.0.0.0/0"], allows: tcp("22") })).toEqual([
      "it (gcp:compute/firewall:Firewall): sourceRanges is 0.0.0.0/0, and SSH, TCP 22, is let in from there; " +
        "it must come from ranges that are yours, of at most /8 (IPv6: /16).",
    ]);
  });

  test.each([
    ["all of IPv6", { sourceRanges: ["::/0"], allows: tcp("22") }],
    ["half of IPv4", { sourceRanges: ["128.0.0.0/1"], allows: tcp("22") }],
    ["no source at all", { allows: tcp("22") }],
    ["a range of ports", { sourceRanges: ["0.0.0.0/0"], allows: tcp("443", "20-30") }],
    ["every port", { sourceRanges: ["0.0.0.0/0"], allows: tcp() }],
    ["every protocol", { sourceRanges: ["0.0.0.0/0"], allows: [{ protocol: "all" }] }],
    ["TCP by its number", { sourceRanges: ["0.0.0.0/0"], allows: [{ protocol: "6", ports: ["22"] }] }],
    ["beside a tag", { sourceRanges: ["0.0.0.0/0"], sourceTags: ["a"], allows: tcp("22") }],
    ["beside what isn't known", { sourceRanges: [UNKNOWN, "0.0.0.0/0"], allows: tcp("22") }],
  ])("violated: %s", (_, inputs) => expect(says(inputs)).toHaveLength(1));

  test.each([
    ["known ranges", { sourceRanges: ["10.0.0.0/8", "2001:db8::/32"], allows: tcp("22") }],
    ["the peer's address, not known yet", { sourceRanges: [UNKNOWN], allows: tcp("22") }],
    ["everything unknown", { sourceRanges: UNKNOWN, allows: tcp("22") }],
    ["another port", { sourceRanges: ["0.0.0.0/0"], allows: tcp("443", "23-65535") }],
    [
      "a port that isn't known",
      { sourceRanges: ["0.0.0.0/0"], allows: [{ protocol: "tcp", ports: [UNKNOWN] }] },
    ],
    [
      "another protocol",
      { sourceRanges: ["0.0.0.0/0"], allows: [{ protocol: "icmp" }, { protocol: "udp" }] },
    ],
    ["tags alone", { sourceTags: ["office"], allows: tcp("22") }],
    ["what goes out", { direction: "EGRESS", allows: tcp() }],
    ["a rule that is off", { disabled: true, sourceRanges: ["0.0.0.0/0"], allows: tcp("22") }],
    ["a rule that refuses", { sourceRanges: ["0.0.0.0/0"], denies: tcp("22") }],
  ])("fine: %s", (_, inputs) => expect(says(inputs)).toEqual([]));
});

describe("SSH from anywhere, on Tencent Cloud", () => {
  const type = "tencentcloud:index/securityGroupRuleSet:SecurityGroupRuleSet";
  const says = (...ingresses: Inputs[]) => said(sshIsNotOpenToAnybody, type, { ingresses });
  const anywhere = { action: "ACCEPT", cidrBlock: "0.0.0.0/0", protocol: "TCP" };

  test("the sentence names which rule it is", () => {
    const peer = { action: "ACCEPT", cidrBlock: "203.0.113.10/32", protocol: "ALL", port: "ALL" };
    expect(says(peer, { ...anywhere, port: "22" })).toEqual([
      `it (${type}): ingresses[1].cidrBlock is 0.0.0.0/0, and SSH, TCP 22, is let in from there; ` +
        "it must come from ranges that are yours, of at most /8 (IPv6: /16).",
    ]);
  });

  test.each([
    ["a list of ports", { ...anywhere, port: "80,22" }],
    ["a range of ports", { ...anywhere, port: "1-100" }],
    ["every port", { ...anywhere, port: "ALL" }],
    ["no port named", anywhere],
    ["every protocol", { ...anywhere, protocol: "ALL", port: "ALL" }],
    ["no protocol named", { action: "ACCEPT", cidrBlock: "0.0.0.0/0" }],
    ["all of IPv6", { action: "ACCEPT", ipv6CidrBlock: "::/0", protocol: "TCP", port: "22" }],
    ["no source named", { action: "ACCEPT", protocol: "TCP", port: "22" }],
  ])("violated: %s", (_, rule) => expect(says(rule)).toHaveLength(1));

  test.each([
    ["known ranges", { ...anywhere, cidrBlock: "192.0.2.0/24", port: "22" }],
    ["another port", { ...anywhere, port: "80,443" }],
    ["another protocol", { ...anywhere, protocol: "ICMP" }],
    ["an address that isn't known yet", { ...anywhere, cidrBlock: UNKNOWN, port: "22" }],
    ["another security group", { action: "ACCEPT", sourceSecurityId: "sg-1", port: "22" }],
    ["all the rest, dropped", { action: "DROP", cidrBlock: "0.0.0.0/0", protocol: "ALL", port: "ALL" }],
  ])("fine: %s", (_, rule) => expect(says(rule)).toEqual([]));
});

describe("encrypted disks", () => {
  const says = (type: string, inputs: Inputs) => said(disksAreEncrypted, type, inputs);
  const storage = "tencentcloud:index/cbsStorage:CbsStorage";
  const instance = "tencentcloud:index/instance:Instance";

  test("Tencent encrypts what it is asked to", () => {
    expect(says(storage, { storageType: "CLOUD_SSD" })).toEqual([
      `it (${storage}): encrypt is missing; it must be true: Tencent encrypts no disk unasked.`,
    ]);
    expect(says(storage, { encrypt: false })[0]).toContain("encrypt is false");
    expect(says(instance, { systemDiskEncrypt: false, dataDisks: [{ encrypt: true }, {}] })).toEqual([
      expect.stringContaining("systemDiskEncrypt is false"),
      expect.stringContaining("dataDisks[1].encrypt is missing"),
    ]);
  });

  test.each([
    [storage, { encrypt: true }],
    [storage, { encrypt: UNKNOWN }],
    [instance, { systemDiskEncrypt: true, dataDisks: [{ encrypt: true }, { dataDiskId: "disk-1" }] }],
    ["gcp:compute/disk:Disk", { type: "pd-ssd", diskEncryptionKey: { kmsKeySelfLink: "a link" } }],
    ["gcp:compute/instance:Instance", { bootDisk: { source: "a link" } }],
    ["gcp:compute/address:Address", {}],
  ])("fine: %s with %j", (type, inputs) => expect(says(type, inputs)).toEqual([]));

  test("on Google Cloud, a key in the plan is refused and not shown", () => {
    const key = "c2VjcmV0";
    const found = [
      ...says("gcp:compute/disk:Disk", { diskEncryptionKey: { rawKey: key } }),
      ...says("gcp:compute/instance:Instance", {
        bootDisk: { diskEncryptionKeyRaw: key },
        attachedDisks: [{}, { diskEncryptionKeyRaw: key }],
      }),
    ];
    expect(found.map((sentence) => /: (\S+) is \[secret\]/.exec(sentence)?.[1])).toEqual([
      "diskEncryptionKey.rawKey",
      "bootDisk.diskEncryptionKeyRaw",
      "attachedDisks[1].diskEncryptionKeyRaw",
    ]);
    expect(found.join()).not.toContain(key);
  });
});

describe("protection", () => {
  test.each([
    "gcp:compute/address:Address",
    "gcp:compute/disk:Disk",
    "gcp:compute/instance:Instance",
    "tencentcloud:index/eip:Eip",
    "tencentcloud:index/cbsStorage:CbsStorage",
    "tencentcloud:index/instance:Instance",
  ])("%s is protected in production", (type) => {
    const resource = { type, name: "it", inputs: {} };
    expect(statefulIsProtected.check({ ...resource, protect: false }, production)).toEqual([
      expect.stringMatching(/^it \(\S+\): its option protect is false; in production it must be true for a /),
    ]);
    expect(statefulIsProtected.check({ ...resource, protect: true }, production)).toEqual([]);
    const elsewhere = { ...production, production: false };
    expect(statefulIsProtected.check({ ...resource, protect: false }, elsewhere)).toEqual([]);
  });

  test("what can be made again needn't be", () => {
    expect(said(statefulIsProtected, "gcp:compute/firewall:Firewall", {})).toEqual([]);
  });

  test.each([
    ["prod", true],
    ["prod2", true],
    ["prod-eu", true],
    ["staging", false],
    ["lab", false],
    ["preprod", false],
  ])("a stack named %s is production: %s", (stack, is) => expect(isProduction(stack)).toBe(is));
});

describe("labels", () => {
  const all = { "managed-by": "crossborder", stack: "prod", site: "la", role: "gateway" };
  const says = (type: string, inputs: Inputs) => said(labelsAreThere, type, inputs);

  test("those that are missing are named", () => {
    expect(says("gcp:compute/disk:Disk", { labels: { stack: "prod", site: "la", role: "" } })).toEqual([
      'it (gcp:compute/disk:Disk): labels is {"stack":"prod","site":"la","role":""}, without managed-by, role; ' +
        "it must have all of managed-by, stack, site, role.",
    ]);
    expect(says("tencentcloud:index/eip:Eip", {})).toEqual([
      "it (tencentcloud:index/eip:Eip): tags is {}, without managed-by, stack, site, role; " +
        "it must have all of managed-by, stack, site, role.",
    ]);
    expect(
      says("gcp:compute/resourcePolicy:ResourcePolicy", { snapshotSchedulePolicy: { schedule: {} } })[0],
    ).toContain("snapshotSchedulePolicy.snapshotProperties.labels is {}");
  });

  test.each<[string, Inputs]>([
    ["gcp:compute/instance:Instance", { labels: { ...all, team: "edge" } }],
    ["gcp:compute/instance:Instance", { labels: UNKNOWN }],
    ["gcp:compute/instance:Instance", { labels: { ...all, role: UNKNOWN } }],
    ["tencentcloud:index/vpc:Vpc", { tags: all }],
    ["gcp:compute/resourcePolicy:ResourcePolicy", { groupPlacementPolicy: {} }],
    ["gcp:compute/route:Route", {}],
  ])("fine: %s", (type, inputs) => expect(says(type, inputs)).toEqual([]));

  test.each(LABELLED_ON_GOOGLE)("%s takes labels by that name", (type) => {
    const file = `${/^gcp:(.+):/.exec(type)![1]}.d.ts`;
    const path = join(__dirname, "../../../node_modules/@pulumi/gcp", file);
    expect(existsSync(path)).toBe(true);
    expect(readFileSync(path, "utf8")).toContain("\n    labels?: pulumi.Input<");
  });
});

describe("names that route users", () => {
  const type = "gcp:dns/recordSet:RecordSet";
  const says = (inputs: Inputs) => said(usersFailOver, type, inputs);
  const geos = [{ location: "us-west2", rrdatas: ["198.51.100.10"] }];

  test("one without a health check is violated, and one with a fence", () => {
    expect(says({ routingPolicy: { geos } })).toEqual([
      `it (${type}): routingPolicy.healthCheck is left out; in production it must be a health check: ` +
        "users would be sent to a site that is dead.",
    ]);
    expect(says({ routingPolicy: { geos, healthCheck: UNKNOWN, enableGeoFencing: true } })).toEqual([
      `it (${type}): routingPolicy.enableGeoFencing is true; in production it must be false: ` +
        "users of a site that is dead would be left with it.",
    ]);
  });

  test.each([
    [
      "a health check and no fence",
      { routingPolicy: { geos, healthCheck: "a-check", enableGeoFencing: false } },
    ],
    ["a health check that isn't known yet", { routingPolicy: { geos, healthCheck: UNKNOWN } }],
    ["a policy that isn't known yet", { routingPolicy: UNKNOWN }],
    ["a name without a policy", { rrdatas: ["198.51.100.10"] }],
  ])("fine: %s", (_, inputs) => expect(says(inputs)).toEqual([]));

  test("fine outside of production", () => {
    const resource = { type, name: "it", inputs: { routingPolicy: { geos } }, protect: false };
    expect(usersFailOver.check(resource, { production: false })).toEqual([]);
  });
});
