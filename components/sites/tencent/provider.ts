import * as tencentcloud from "@pulumi/tencentcloud";
import type * as pulumi from "@pulumi/pulumi";

/**
 * The provider of one region. A stack may have sites in two, so that there can't be one for all; what the stack's
 * configuration says of credentials in the namespace `tencentcloud` holds for each.
 */
export function regionalProvider(
  name: string,
  region: string,
  options: pulumi.ResourceOptions,
): tencentcloud.Provider {
  const { secretId, secretKey, securityToken, camRoleName, profile, sharedCredentialsDir, assumeRoles } =
    tencentcloud.config;
  return new tencentcloud.Provider(
    name,
    { region, secretId, secretKey, securityToken, camRoleName, profile, sharedCredentialsDir, assumeRoles },
    options,
  );
}
