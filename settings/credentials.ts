import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import * as path from "node:path";
import type { Settings } from "./schema";

/** Where credentials may come from: Pulumi's configuration of all namespaces, and this process's environment. */
interface Sources {
  readonly configuration: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What Google's provider takes credentials from, by its own documentation; an empty value is none. */
const GOOGLE_KEYS = ["gcp:credentials", "gcp:accessToken"];
const GOOGLE_VARIABLES = [
  "GOOGLE_CREDENTIALS",
  "GOOGLE_CLOUD_KEYFILE_JSON",
  "GCLOUD_KEYFILE_JSON",
  "GOOGLE_OAUTH_ACCESS_TOKEN",
];

/** A machine on Google Cloud gets tokens from its metadata server. */
const PRODUCT_NAME_FILE = "/sys/class/dmi/id/product_name";

function onGoogle(environment: Sources["environment"]): boolean {
  if (environment["GCE_METADATA_HOST"]) return true;
  try {
    return readFileSync(PRODUCT_NAME_FILE, "utf8").startsWith("Google");
  } catch {
    return false;
  }
}

function googleHas({ configuration, environment }: Sources): boolean {
  const file = environment["GOOGLE_APPLICATION_CREDENTIALS"];
  if (file) return existsSync(file);
  const directory = environment["CLOUDSDK_CONFIG"] || path.join(homedir(), ".config/gcloud");
  return (
    GOOGLE_KEYS.some((key) => configuration[key]) ||
    GOOGLE_VARIABLES.some((variable) => environment[variable]) ||
    existsSync(path.join(directory, "application_default_credentials.json")) ||
    onGoogle(environment)
  );
}

/** What Tencent's provider takes credentials from, by its own documentation: each line is one way, all of it needed. */
const TENCENT_KEYS = [["secretId", "secretKey"], ["camRoleName"]];
const TENCENT_VARIABLES = [
  ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"],
  ["TENCENTCLOUD_CAM_ROLE_NAME"],
  ["TENCENTCLOUD_ASSUME_ROLE_SAML_ASSERTION"],
  ["TENCENTCLOUD_ASSUME_ROLE_WEB_IDENTITY_TOKEN"],
  ["TENCENTCLOUD_ASSUME_ROLE_WEB_IDENTITY_TOKEN_FILE"],
];

function tencentHas({ configuration, environment }: Sources): boolean {
  const directory =
    configuration["tencentcloud:sharedCredentialsDir"] ||
    environment["TENCENTCLOUD_SHARED_CREDENTIALS_DIR"] ||
    path.join(homedir(), ".tccli");
  const profile = configuration["tencentcloud:profile"] || environment["TENCENTCLOUD_PROFILE"] || "default";
  return (
    TENCENT_KEYS.some((way) => way.every((key) => configuration[`tencentcloud:${key}`])) ||
    TENCENT_VARIABLES.some((way) => way.every((variable) => environment[variable])) ||
    existsSync(path.join(directory, `${profile}.credential`))
  );
}

function missingOfGoogle(settings: Settings, sources: Sources): string[] {
  const needing = [
    ...Object.entries(settings.sites).flatMap(([name, { gcp }]) => (gcp ? [`sites.${name}.gcp`] : [])),
    ...(settings.traffic === "off" ? [] : ["traffic"]),
  ];
  if (needing.length === 0 || googleHas(sources)) return [];
  const file = sources.environment["GOOGLE_APPLICATION_CREDENTIALS"];
  const seen = file ? `GOOGLE_APPLICATION_CREDENTIALS names ${file}, which isn't there` : "none were found";
  return needing.map(
    (key) =>
      `crossborder:${key} needs credentials of Google Cloud, and ${seen}; run \`gcloud auth application-default login\`, ` +
      "or set GOOGLE_CREDENTIALS to a service account's key.",
  );
}

function missingOfTencent(settings: Settings, sources: Sources): string[] {
  const found = Object.entries(settings.sites).filter(([, { tencent }]) => tencent);
  if (found.length === 0 || tencentHas(sources)) return [];
  return found.map(
    ([name]) =>
      `crossborder:sites.${name}.tencent needs credentials of Tencent Cloud, and none were found; set TENCENTCLOUD_SECRET_ID and ` +
      "TENCENTCLOUD_SECRET_KEY, or run `tccli configure`.",
  );
}

/**
 * What no cloud can be reached without and isn't there, one sentence each. Only that there are credentials is known
 * here: whether they are valid, and for what, the cloud alone can tell.
 */
export function missingCredentials(
  settings: Settings,
  configuration: Sources["configuration"],
  environment: Sources["environment"] = process.env,
): string[] {
  const sources = { configuration, environment };
  return [...missingOfGoogle(settings, sources), ...missingOfTencent(settings, sources)];
}
