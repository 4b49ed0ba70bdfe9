import { parse } from "yaml";
import { stackOfFile, withoutSecrets } from "../../../toolchain/standIns/temporaryStack";

test("a stack's settings without what only its own key can read", () => {
  const text = [
    "secretsprovider: gcpkms://projects/p",
    "encryptedkey: AAAA",
    "config:",
    "  crossborder:primary: la",
    "  crossborder:sshPrivateKey: { secure: AAAA }",
    "  crossborder:access: { sshFrom: [192.0.2.0/24] }",
  ].join("\n");
  expect(parse(withoutSecrets(text))).toEqual({
    config: { "crossborder:primary": "la", "crossborder:access": { sshFrom: ["192.0.2.0/24"] } },
  });
});

test("a stack is named by its file", () => {
  expect(stackOfFile("/somewhere/Pulumi.prod.yaml")).toBe("prod");
  expect(() => stackOfFile("/somewhere/prod.yaml")).toThrow("a stack's file is named Pulumi.<stack>.yaml");
});
