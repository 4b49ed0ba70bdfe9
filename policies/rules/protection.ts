import { called, type ResourceRule } from "../rule";

/** What can't be had again once it is gone: an address that others know, data on a disk, a machine with its keys. */
const kept: Readonly<Record<string, string>> = {
  "gcp:compute/address:Address": "a static address",
  "gcp:compute/globalAddress:GlobalAddress": "a static address",
  "gcp:compute/disk:Disk": "a disk",
  "gcp:compute/regionDisk:RegionDisk": "a disk",
  "gcp:compute/instance:Instance": "a machine",
  "tencentcloud:index/eip:Eip": "a static address",
  "tencentcloud:index/cbsStorage:CbsStorage": "a disk",
  "tencentcloud:index/instance:Instance": "a machine",
};

export const statefulIsProtected: ResourceRule = {
  name: "stateful-protected",
  description: "In production, static addresses, disks and machines are protected.",
  check: (resource, { production }) => {
    const what = kept[resource.type];
    return production && what !== undefined && !resource.protect
      ? [
          `${called(resource)}: its option protect is false; in production it must be true for ${what} ` +
            `(crossborder:protect).`,
        ]
      : [];
  },
};
