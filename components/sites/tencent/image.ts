import * as tencentcloud from "@pulumi/tencentcloud";
import type * as pulumi from "@pulumi/pulumi";
import type { TencentSettings } from "../../../settings/tencent";
import { systemOf } from "../../../settings/tencentCatalogue";

/** What is known of an image. */
export type Image = Pick<
  tencentcloud.types.output.GetImagesImage,
  "imageId" | "architecture" | "supportCloudInit" | "createdTime"
>;

/** The newest image that a machine of ours can start from; the first boot is cloud-init's. */
export function newestImage(images: readonly Image[]): Image | undefined {
  return images
    .filter(({ architecture, supportCloudInit }) => architecture === "x86_64" && supportCloudInit)
    .sort((one, other) => ((one.createdTime ?? "") < (other.createdTime ?? "") ? 1 : -1))[0];
}

/**
 * The image of new machines: the one that is named, else the newest public one of the operating system.
 * @throws Error, when the output is resolved, where the region has none.
 */
export function imageFor(
  settings: Pick<TencentSettings, "image" | "os" | "instanceType" | "region">,
  options: pulumi.InvokeOutputOptions,
): pulumi.Input<string> {
  if (settings.image !== undefined) return settings.image;
  const { images: imageNameRegex } = systemOf(settings.os);
  const { instanceType, region } = settings;
  const found = tencentcloud.getImagesOutput(
    { imageTypes: ["PUBLIC_IMAGE"], imageNameRegex, instanceType },
    options,
  );
  return found.images.apply((images) => {
    const image = newestImage(images);
    if (image?.imageId) return image.imageId;
    throw new Error(
      `Tencent's region ${region} has no public image of ${settings.os} with cloud-init for ${instanceType} ` +
        `(${imageNameRegex}); name one by crossborder:sites.<site>.tencent.image, or set another os`,
    );
  });
}
