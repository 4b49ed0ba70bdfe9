import { group, groups, isAbsent, shown, UNKNOWN, type Inputs } from "../inputs";
import { called, type ResourceRule } from "../rule";

/** A property that makes a disk less than encrypted, and what it must be. */
interface Flaw {
  readonly property: string;
  readonly value: unknown;
  readonly allowed: string;
}

const ON = "true: Tencent encrypts no disk unasked";

function off(property: string, value: unknown): Flaw[] {
  return value === true || value === UNKNOWN ? [] : [{ property, value, allowed: ON }];
}

function tencentInstance(inputs: Inputs): Flaw[] {
  return [
    ...off("systemDiskEncrypt", inputs["systemDiskEncrypt"]),
    // A disk that is attached by its identifier was made elsewhere, with its own encryption.
    ...groups(inputs["dataDisks"]).flatMap((disk, index) =>
      isAbsent(disk["dataDiskId"]) ? off(`dataDisks[${index}].encrypt`, disk["encrypt"]) : [],
    ),
  ];
}

/** A key of one's own that stands in the plan is in the state as well, and whoever reads it reads the disk. */
function keys(at: string, inputs: Inputs, names: readonly string[]): Flaw[] {
  return names
    .filter((name) => !isAbsent(inputs[name]))
    .map((name) => ({
      property: `${at}.${name}`,
      value: "[secret]",
      allowed:
        "left out: Google encrypts every disk, with a key of its own or one of its KMS (kmsKeySelfLink)",
    }));
}

function googleInstance(inputs: Inputs): Flaw[] {
  const named = ["diskEncryptionKeyRaw", "diskEncryptionKeyRsa"];
  return [
    ...keys("bootDisk", group(inputs["bootDisk"]), named),
    ...groups(inputs["attachedDisks"]).flatMap((disk, index) => keys(`attachedDisks[${index}]`, disk, named)),
  ];
}

const googleDisk = (inputs: Inputs): Flaw[] =>
  keys("diskEncryptionKey", group(inputs["diskEncryptionKey"]), ["rawKey", "rsaEncryptedKey"]);

const readers: Readonly<Record<string, (inputs: Inputs) => Flaw[]>> = {
  "gcp:compute/disk:Disk": googleDisk,
  "gcp:compute/regionDisk:RegionDisk": googleDisk,
  "gcp:compute/instance:Instance": googleInstance,
  "tencentcloud:index/cbsStorage:CbsStorage": (inputs) => off("encrypt", inputs["encrypt"]),
  "tencentcloud:index/instance:Instance": tencentInstance,
};

export const disksAreEncrypted: ResourceRule = {
  name: "disks-encrypted",
  description: "Disks are encrypted, by a key that isn't in the state.",
  check: (resource) =>
    (readers[resource.type]?.(resource.inputs) ?? []).map(
      ({ property, value, allowed }) =>
        `${called(resource)}: ${property} is ${shown(value)}; it must be ${allowed}.`,
    ),
};
