import { OWN_LABELS } from "../../components/sites/naming";
import { group, isAbsent, UNKNOWN } from "../inputs";
import { called, type PlannedResource, type ResourceRule } from "../rule";

/** Google's types that take labels, of those that the program makes or a neighbour of them might be. */
export const LABELLED_ON_GOOGLE: readonly string[] = [
  "gcp:compute/address:Address",
  "gcp:compute/disk:Disk",
  "gcp:compute/externalVpnGateway:ExternalVpnGateway",
  "gcp:compute/forwardingRule:ForwardingRule",
  "gcp:compute/globalAddress:GlobalAddress",
  "gcp:compute/globalForwardingRule:GlobalForwardingRule",
  "gcp:compute/image:Image",
  "gcp:compute/instance:Instance",
  "gcp:compute/instanceTemplate:InstanceTemplate",
  "gcp:compute/regionDisk:RegionDisk",
  "gcp:compute/snapshot:Snapshot",
  "gcp:dns/managedZone:ManagedZone",
  "gcp:kms/cryptoKey:CryptoKey",
  "gcp:secretmanager/secret:Secret",
  "gcp:storage/bucket:Bucket",
];

/** Tencent's types that take tags, of the package's. */
export const TAGGED_ON_TENCENT: readonly string[] = [
  "tencentcloud:index/camRole:CamRole",
  "tencentcloud:index/cbsStorage:CbsStorage",
  "tencentcloud:index/ccn:Ccn",
  "tencentcloud:index/cosBucket:CosBucket",
  "tencentcloud:index/dcGateway:DcGateway",
  "tencentcloud:index/eip:Eip",
  "tencentcloud:index/eni:Eni",
  "tencentcloud:index/ga2GlobalAccelerator:Ga2GlobalAccelerator",
  "tencentcloud:index/gaapProxy:GaapProxy",
  "tencentcloud:index/instance:Instance",
  "tencentcloud:index/keyPair:KeyPair",
  "tencentcloud:index/kmsKey:KmsKey",
  "tencentcloud:index/placementGroup:PlacementGroup",
  "tencentcloud:index/privateDnsZone:PrivateDnsZone",
  "tencentcloud:index/routeTable:RouteTable",
  "tencentcloud:index/securityGroup:SecurityGroup",
  "tencentcloud:index/ssmSecret:SsmSecret",
  "tencentcloud:index/subnet:Subnet",
  "tencentcloud:index/vpc:Vpc",
  "tencentcloud:index/vpcBandwidthPackage:VpcBandwidthPackage",
  "tencentcloud:index/vpcFlowLog:VpcFlowLog",
];

/** Where a type has its labels, as a path of inputs. */
const places: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(LABELLED_ON_GOOGLE.map((type) => [type, ["labels"]])),
  ...Object.fromEntries(TAGGED_ON_TENCENT.map((type) => [type, ["tags"]])),
  // The schedule itself has none; the snapshots that it makes have, and they are what costs.
  "gcp:compute/resourcePolicy:ResourcePolicy": ["snapshotSchedulePolicy", "snapshotProperties", "labels"],
};

/** The labels of a resource: undefined for a type without, UNKNOWN where they aren't known yet. */
function labelsOf({ type, inputs }: PlannedResource): { at: string; labels: unknown } | undefined {
  const path = places[type];
  if (!path) return undefined;
  // A resource policy is no schedule of snapshots when it is something else, such as a placement.
  if (path.length > 1 && isAbsent(inputs[path[0]!])) return undefined;
  const labels = path.reduce<unknown>(
    (value, key) => (value === UNKNOWN ? UNKNOWN : group(value)[key]),
    inputs,
  );
  return { at: path.join("."), labels };
}

export const labelsAreThere: ResourceRule = {
  name: "labels-required",
  description: `What is made in a cloud carries the labels ${OWN_LABELS.join(", ")}.`,
  check: (resource) => {
    const found = labelsOf(resource);
    if (!found || found.labels === UNKNOWN) return [];
    const labels = group(found.labels);
    const missing = OWN_LABELS.filter((label) => isAbsent(labels[label]));
    return missing.length === 0
      ? []
      : [
          `${called(resource)}: ${found.at} is ${JSON.stringify(labels)}, without ${missing.join(", ")}; ` +
            `it must have all of ${OWN_LABELS.join(", ")}.`,
        ];
  },
};
