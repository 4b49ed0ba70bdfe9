import { createPublicKey } from "node:crypto";
import { utils } from "ssh2";
import { createBootstrapKey, publicKeyOf } from "../../../providers/identity/keys";
import { generateKeys } from "../../support/sshServer";

test("a bootstrap key's halves belong together, and each is another's", () => {
  const keys = Array.from({ length: 50 }, createBootstrapKey);
  for (const { privateKey, publicKey } of keys) {
    expect(publicKeyOf(privateKey)).toBe(publicKey);
    const parsed = utils.parseKey(publicKey);
    if (parsed instanceof Error) throw parsed;
    expect(parsed.type).toBe("ecdsa-sha2-nistp256");
    // What Node says of the private key, and what the public one encodes, are the same point.
    expect(createPublicKey(parsed.getPublicPEM()).export({ format: "jwk" })).toEqual(
      createPublicKey(privateKey).export({ format: "jwk" }),
    );
  }
  expect(new Set(keys.map(({ publicKey }) => publicKey)).size).toBe(keys.length);
});

test("the public half of a client's key", () => {
  const { privateKey, publicKey } = generateKeys();
  expect(publicKeyOf(privateKey)).toBe(publicKey.split(" ").slice(0, 2).join(" "));
});

test("what is no key is said so, and not repeated", () => {
  expect(() => publicKeyOf("secret words")).toThrow(/^the SSH private key cannot be read: /);
  expect(() => publicKeyOf("secret words")).not.toThrow(/secret/);
});
