import { version } from "@pulumi/gcp/package.json";
import type { Properties } from "../../plugins/support/values";
import { givenAddress } from "./made";
import { anew, CREATED, madeUp, madeUpAddress, madeUpNumber } from "./madeUp";
import { PackageSchema } from "./packageSchema";
import type { Cloud, NewResource } from "./provider";
import { declarationsOf } from "./typeDeclarations";

/** Where the names of links begin. */
const COMPUTE = "https://www.googleapis.com/compute/v1/";

/** What the API calls resources of a type where it isn't the type's own plural: `gcp:compute/disk:Disk` is one of `disks`. */
const COLLECTIONS: Readonly<Record<string, string>> = {
  address: "addresses",
  resourcePolicy: "resourcePolicies",
  regionHealthCheck: "healthChecks",
  regionBackendService: "backendServices",
};

/** The path of a resource of Compute Engine: `projects/p/zones/us-west2-a/disks/prod-la-gw1`. */
function pathOf({ type, inputs, urn }: NewResource): string {
  const kind = type.split("/")[1]!.split(":")[0]!;
  const { project, zone, region, name = madeUp(urn, 8) } = inputs;
  const place = zone ? `zones/${zone}` : region ? `regions/${region}` : "global";
  return `projects/${project}/${place}/${COLLECTIONS[kind] ?? `${kind}s`}/${name}`;
}

/** What makes one type unlike the others. */
const OWN: Readonly<Record<string, (resource: NewResource) => { id?: string; said: Properties }>> = {
  "gcp:compute/address:Address": ({ urn, name }) => ({
    said: { address: givenAddress(name) ?? madeUpAddress(urn), addressId: madeUpNumber(urn, 19) },
  }),
  "gcp:compute/instance:Instance": ({ urn }) => ({
    said: {
      instanceId: madeUpNumber(anew(urn), 19),
      currentStatus: "RUNNING",
      cpuPlatform: "Intel Cascade Lake",
    },
  }),
  "gcp:compute/routerNat:RouterNat": ({ inputs }) => ({
    id: `${inputs["project"]}/${inputs["region"]}/${inputs["router"]}/${inputs["name"]}`,
    said: {},
  }),
  "gcp:compute/diskResourcePolicyAttachment:DiskResourcePolicyAttachment": ({ inputs }) => ({
    id: `${inputs["project"]}/${inputs["zone"]}/${inputs["disk"]}/${inputs["name"]}`,
    said: {},
  }),
  "gcp:serviceaccount/account:Account": ({ urn, inputs }) => {
    const email = `${inputs["accountId"]}@${inputs["project"]}.iam.gserviceaccount.com`;
    const id = `projects/${inputs["project"]}/serviceAccounts/${email}`;
    return {
      id,
      said: { email, name: id, member: `serviceAccount:${email}`, uniqueId: madeUpNumber(urn, 21) },
    };
  },
};

/** Google Cloud, as far as the program uses it. */
export const google: Cloud = {
  package: "gcp",
  version,
  schema: new PackageSchema(declarationsOf("gcp")),
  make: (resource) => {
    const own = OWN[resource.type]?.(resource);
    const id = own?.id ?? pathOf(resource);
    const said = { selfLink: COMPUTE + id, creationTimestamp: CREATED, ...own?.said };
    return { id, said };
  },
  // https://cloud.google.com/compute/docs/instances/preventing-accidental-vm-deletion
  keeps: (type, inputs) =>
    type === "gcp:compute/instance:Instance" && inputs["deletionProtection"] === true
      ? "its deletion protection is on"
      : undefined,
  ask: (token) => {
    throw new Error(`this stand-in has no answer to ${token}`);
  },
};
