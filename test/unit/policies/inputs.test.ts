import { readable, UNKNOWN } from "../../../policies/inputs";

test("what can't be read yet is unknown, and the rest is still there", () => {
  const unknown = {
    enumerable: true,
    get: () => {
      throw new Error("can't be known during preview");
    },
  };
  const ranges = Object.defineProperty(["", "0.0.0.0/0"], 0, unknown);
  const inputs = Object.defineProperty(
    { name: "ssh", ranges, nested: { flag: true, none: null } },
    "network",
    unknown,
  );
  expect(readable(inputs)).toEqual({
    name: "ssh",
    ranges: [UNKNOWN, "0.0.0.0/0"],
    nested: { flag: true, none: null },
    network: UNKNOWN,
  });
});
