import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingCredentials } from "../../../settings/credentials";
import { parseSettings } from "../../../settings/parse";
import { gcpSettings, tencentSettings, validSettings } from "./fixtures";

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "credentials-"))));
afterEach(() => rmSync(directory, { recursive: true }));

const google = parseSettings(gcpSettings());
/** An environment in which gcloud has never run. */
const bare = (): Record<string, string> => ({ CLOUDSDK_CONFIG: directory });

test("sites whose hosts exist need no cloud's credentials", () => {
  expect(missingCredentials(parseSettings(validSettings()), {}, bare())).toEqual([]);
});

test("without any of the places that Google's provider looks in, the site is named", () => {
  expect(missingCredentials(google, {}, bare())).toEqual([
    "crossborder:sites.la.gcp needs credentials of Google Cloud, and none were found; run `gcloud auth application-default login`, " +
      "or set GOOGLE_CREDENTIALS to a service account's key.",
  ]);
});

test("users' traffic needs Google's, wherever the sites are", () => {
  const traffic = { project: "my-project", zone: "example-com", name: "app.example.com" };
  expect(missingCredentials(parseSettings({ ...validSettings(), traffic }), {}, bare())).toEqual([
    "crossborder:traffic needs credentials of Google Cloud, and none were found; run `gcloud auth application-default login`, " +
      "or set GOOGLE_CREDENTIALS to a service account's key.",
  ]);
});

test("a file that is named and isn't there is told", () => {
  const file = join(directory, "key.json");
  const environment = { ...bare(), GOOGLE_APPLICATION_CREDENTIALS: file };
  expect(missingCredentials(google, {}, environment)[0]).toContain(
    `and GOOGLE_APPLICATION_CREDENTIALS names ${file}, which isn't there;`,
  );
  writeFileSync(file, "{}");
  expect(missingCredentials(google, {}, environment)).toEqual([]);
});

test.each([
  ["a key in the environment", {}, { GOOGLE_CREDENTIALS: "{}" }],
  ["a token in the environment", {}, { GOOGLE_OAUTH_ACCESS_TOKEN: "token" }],
  ["a key in Pulumi's configuration", { "gcp:credentials": "{}" }, {}],
  ["a metadata server", {}, { GCE_METADATA_HOST: "127.0.0.1" }],
])("%s is enough", (_, configuration, environment) => {
  expect(missingCredentials(google, configuration, { ...bare(), ...environment })).toEqual([]);
});

test("a login by gcloud is enough", () => {
  writeFileSync(join(directory, "application_default_credentials.json"), "{}");
  expect(missingCredentials(google, {}, bare())).toEqual([]);
});

const tencent = parseSettings(tencentSettings());
/** An environment in which tccli has never run. */
const bareOfTencent = (): Record<string, string> => ({ TENCENTCLOUD_SHARED_CREDENTIALS_DIR: directory });

test("without any of the places that Tencent's provider looks in, the site is named", () => {
  expect(missingCredentials(tencent, {}, bareOfTencent())).toEqual([
    "crossborder:sites.sg.tencent needs credentials of Tencent Cloud, and none were found; set TENCENTCLOUD_SECRET_ID and " +
      "TENCENTCLOUD_SECRET_KEY, or run `tccli configure`.",
  ]);
});

test("half of a key is none", () => {
  const environment = { ...bareOfTencent(), TENCENTCLOUD_SECRET_ID: "id" };
  expect(missingCredentials(tencent, { "tencentcloud:secretKey": "key" }, environment)).toHaveLength(1);
});

test.each([
  ["a key in the environment", {}, { TENCENTCLOUD_SECRET_ID: "id", TENCENTCLOUD_SECRET_KEY: "key" }],
  ["a machine's role", {}, { TENCENTCLOUD_CAM_ROLE_NAME: "role" }],
  ["a key in Pulumi's configuration", { "tencentcloud:secretId": "id", "tencentcloud:secretKey": "key" }, {}],
])("of Tencent, %s is enough", (_, configuration, environment) => {
  expect(missingCredentials(tencent, configuration, { ...bareOfTencent(), ...environment })).toEqual([]);
});

test("tccli's file is enough, of the profile that is set", () => {
  writeFileSync(join(directory, "work.credential"), "{}");
  expect(missingCredentials(tencent, {}, bareOfTencent())).toHaveLength(1);
  const environment = { ...bareOfTencent(), TENCENTCLOUD_PROFILE: "work" };
  expect(missingCredentials(tencent, {}, environment)).toEqual([]);
});
