import { specialSecretSig, specialSigKey, unknownValue } from "@pulumi/pulumi/runtime/rpc";
import { containsSecret, differs, reveal, secretStrings } from "../../../plugins/support/values";

const secret = (value: unknown): unknown => ({ [specialSigKey]: specialSecretSig, value });

it("reveals secrets at any depth, and finds their strings", () => {
  const value = { open: "a", hidden: secret({ inner: [secret("b"), "c"] }) };
  expect(reveal(value)).toEqual({ open: "a", hidden: { inner: ["b", "c"] } });
  expect(secretStrings(value)).toEqual(["b", "c"]);
  expect(containsSecret(value)).toBe(true);
  expect(containsSecret({ open: ["a"] })).toBe(false);
});

it.each<[string, unknown, unknown, boolean]>([
  ["the same", { a: [1, "x"] }, { a: [1, "x"] }, false],
  ["another value", { a: [1, "x"] }, { a: [1, "y"] }, true],
  ["another length", [1], [1, 2], true],
  ["a new key", { a: 1 }, { a: 1, b: 2 }, true],
  ["a lost key", { a: 1, b: 2 }, { a: 1 }, true],
  ["left out and null", { a: null }, {}, false],
  ["something not known yet", "x", unknownValue, true],
  ["the same secret", secret("x"), secret("x"), false],
  ["another secret", secret("x"), secret("y"), true],
  ["secret now, and not before", "x", secret("x"), true],
  ["secret deeper inside what was secret as a whole", secret({ a: "x" }), { a: secret("x") }, false],
  ["no longer secret", secret("x"), "x", false],
])("sees a difference: %s", (_case, old, next, expected) => expect(differs(old, next)).toBe(expected));
