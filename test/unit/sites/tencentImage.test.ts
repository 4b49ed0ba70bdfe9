import { type Image, newestImage } from "../../../components/sites/tencent/image";
import { systemOf, type SystemName } from "../../../settings/tencentCatalogue";

const image = (imageId: string, createdTime: string, set: Partial<Image> = {}): Image => ({
  imageId,
  createdTime,
  ...{ architecture: "x86_64", supportCloudInit: true },
  ...set,
});

test("the newest image that starts on the machine and runs cloud-init is taken", () => {
  const found = newestImage([
    image("old", "2024-01-01T00:00:00Z"),
    image("new", "2026-01-01T00:00:00Z"),
    image("of another processor", "2026-02-01T00:00:00Z", { architecture: "arm64" }),
    image("without cloud-init", "2026-03-01T00:00:00Z", { supportCloudInit: false }),
    image("middle", "2025-01-01T00:00:00Z"),
  ]);
  expect(found?.imageId).toBe("new");
});

test("where there is none, none is taken", () => {
  expect(newestImage([])).toBeUndefined();
  expect(newestImage([image("arm", "2026-02-01T00:00:00Z", { architecture: "arm64" })])).toBeUndefined();
});

test.each<[SystemName, string, boolean]>([
  ["rocky9", "Rocky Linux 9.4 64bit", true],
  ["rocky9", "Rocky Linux 9.4 64位", true],
  ["rocky9", "Rocky Linux 8.6 64bit", false],
  ["rocky9", "Rocky Linux 9.4 64bit UEFI Edition", false],
  ["alma9", "AlmaLinux 9.3 64bit", true],
  ["ubuntu2204", "Ubuntu Server 22.04 LTS 64bit", true],
  ["ubuntu2204", "Ubuntu Server 22.04 LTS 64bit(ARM)", false],
  ["ubuntu2204", "Ubuntu Server 24.04 LTS 64bit", false],
  ["debian12", "Debian 12.8 64bit", true],
  ["centos79", "CentOS 7.9 64bit", true],
  ["centos79", "CentOS 7.6 64bit", false],
])("%s is looked for: %s is one of them: %s", (os, name, is) => {
  expect(new RegExp(systemOf(os).images).test(name)).toBe(is);
});
