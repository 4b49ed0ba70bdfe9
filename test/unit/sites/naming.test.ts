import * as fc from "fast-check";
import { cloudName, labelsOf, LONGEST_STACK, OWN_LABELS, PLAIN_NAME } from "../../../components/sites/naming";

const plainName = (longest: number): fc.Arbitrary<string> =>
  fc.stringMatching(PLAIN_NAME).filter((name) => name.length <= longest);
/** Names of machines may hold what parts the names. */
const part = fc.stringMatching(/^[a-z][a-z0-9-]{0,14}$/);
const owned = fc.record({ stack: plainName(LONGEST_STACK), site: plainName(15), part });

test("two stacks, two sites or two things of one site never share a name", () => {
  fc.assert(
    fc.property(owned, owned, (one, other) => {
      const name = (thing: typeof one): string => cloudName({ ...thing, labels: {} }, thing.part);
      const same = one.stack === other.stack && one.site === other.site && one.part === other.part;
      expect(name(one) === name(other)).toBe(same);
    }),
  );
});

test("every name fits Google's limits, of service accounts too", () => {
  fc.assert(
    fc.property(owned, ({ stack, site, part: suffix }) => {
      const owner = { stack, site, labels: {} };
      expect(cloudName(owner, suffix)).toMatch(/^[a-z][a-z0-9-]{0,62}$/);
      expect(cloudName(owner, "vm")).toMatch(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/);
    }),
  );
});

test("labels tell stack, site and role beside the operator's own", () => {
  const labels = labelsOf({ stack: "prod", site: "la", labels: { team: "edge" } }, "gateway");
  expect(labels).toEqual({
    team: "edge",
    "managed-by": "crossborder",
    stack: "prod",
    site: "la",
    role: "gateway",
  });
  expect(Object.keys(labels)).toEqual(expect.arrayContaining([...OWN_LABELS]));
});
