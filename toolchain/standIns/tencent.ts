import { version } from "@pulumi/tencentcloud/package.json";
import { schemaFile } from "../sdk/generate";
import type { Properties } from "../../plugins/support/values";
import { givenAddress } from "./made";
import { anew, CREATED, madeUp, madeUpAddress } from "./madeUp";
import { PackageSchema, schemaInFile } from "./packageSchema";
import type { Cloud } from "./provider";

/** How identifiers begin, by the resource's class. */
const PREFIXES: Readonly<Record<string, string>> = {
  Vpc: "vpc",
  Subnet: "subnet",
  RouteTable: "rtb",
  RouteTableEntry: "rti",
  SecurityGroup: "sg",
  Instance: "ins",
  KeyPair: "skey",
  Eip: "eip",
  EipAssociation: "eip",
  PlacementGroup: "ps",
  VpcBandwidthPackage: "bwp",
  CbsStorage: "disk",
  CbsSnapshotPolicy: "asp",
  HaVip: "havip",
  Ga2GlobalAccelerator: "ga",
  Ga2Listener: "lsr",
};

/** Public images of a region, one of each operating system that the settings know and some that don't fit. */
const IMAGES = [
  "Rocky Linux 9.4 64bit",
  "Rocky Linux 9.4 UEFI Edition 64bit",
  "AlmaLinux 9.4 64bit",
  "Ubuntu Server 22.04 LTS 64bit",
  "Debian 12.5 64bit",
  "CentOS 7.9 64bit",
].map((name) => ({
  imageId: `img-${madeUp(name, 8)}`,
  imageName: name,
  osName: name,
  imageType: "PUBLIC_IMAGE",
  imageState: "NORMAL",
  architecture: "x86_64",
  supportCloudInit: true,
  createdTime: CREATED,
}));

const IMAGES_OF = "tencentcloud:index/getImages:getImages";

/** Tencent Cloud, as far as the program uses it. */
export const tencent: Cloud = {
  package: "tencentcloud",
  version,
  schema: new PackageSchema(schemaInFile(schemaFile)),
  make: ({ type, name, urn, inputs }) => {
    const className = type.split(":").at(-1)!;
    const made = anew(urn);
    const identifier = (prefix: string): string => `${prefix}-${madeUp(made, 8)}`;
    const id = identifier(PREFIXES[className] ?? className.toLowerCase());
    const said: Properties = {
      // Each resource says its own identifier, under a name of its own: `eipId`, `listenerId`.
      [`${className.charAt(0).toLowerCase()}${className.slice(1)}Id`]: id,
      createTime: CREATED,
      createdTime: CREATED,
      publicIp: className === "Eip" ? (givenAddress(name) ?? madeUpAddress(urn)) : "",
      systemDiskId: identifier("disk"),
      listenerId: id,
      cname: `${identifier("ga")}.example.com`,
      vip: inputs["vip"] ?? "",
    };
    return { id, said };
  },
  // The API's TerminateInstances refuses one that was made with DisableApiTermination.
  keeps: (type, inputs) =>
    type === "tencentcloud:index/instance:Instance" && inputs["disableApiTermination"] === true
      ? "its termination protection is on"
      : undefined,
  ask: (token, args) => {
    if (token !== IMAGES_OF) throw new Error(`this stand-in has no answer to ${token}`);
    const pattern = new RegExp((args["imageNameRegex"] as string | undefined) ?? "");
    return { ...args, id: "images", images: IMAGES.filter(({ imageName }) => pattern.test(imageName)) };
  },
};
