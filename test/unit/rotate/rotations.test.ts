import { rotationSteps } from "../../../rotate/numbers";
import {
  authorityRotation,
  certificateRotation,
  passwordRotation,
  pskRotation,
} from "../../../rotate/rotations";
import type { PostgresOutput } from "../../../outputs/contract";
import { parseSettings } from "../../../settings/parse";
import { validSettings } from "../settings/fixtures";

test("both accept, both use, both drop", () => {
  expect(rotationSteps({ use: 1, accept: [] })).toEqual([
    { use: 1, accept: [2] },
    { use: 2, accept: [1] },
    { use: 2, accept: [] },
  ]);
});

test("an interrupted rotation goes on where it stopped", () => {
  expect(rotationSteps({ use: 1, accept: [2] })).toEqual([
    { use: 2, accept: [1] },
    { use: 2, accept: [] },
  ]);
  expect(rotationSteps({ use: 2, accept: [1] })).toEqual([{ use: 2, accept: [] }]);
});

test("the pre-shared key of a stack that names none is the first", () => {
  const psk = "crossborder:link.ipsec.psk";
  expect(pskRotation({ link: { mtu: 1380 } })).toEqual({
    steps: [
      {
        meaning: "the link sends 1, accepts 2 too",
        changes: [
          { path: `${psk}.send`, value: 1 },
          { path: `${psk}.accept[0]`, value: 2 },
        ],
      },
      {
        meaning: "the link sends 2, accepts 1 too",
        changes: [
          { path: `${psk}.send`, value: 2 },
          { path: `${psk}.accept[0]`, value: 1 },
        ],
      },
      {
        meaning: "the link knows 2 only",
        changes: [{ path: `${psk}.send`, value: 2 }, { path: `${psk}.accept` }],
      },
    ],
    outcome: "the pre-shared key in use is number 2; the one before is gone",
  });
});

test("hosts' keys move to the next in one deployment", () => {
  expect(certificateRotation({ certificates: { generation: 4 } })).toEqual({
    steps: [
      {
        meaning: "every host makes key 5 and gets a certificate for it",
        changes: [{ path: "crossborder:certificates.generation", value: 5 }],
      },
    ],
    outcome: "the hosts' keys in use are number 5; those before are gone",
  });
});

test("hosts' keys stay while a site is out of service", () => {
  const sites = { la: {}, sg: { outOfService: true } };
  expect(() => certificateRotation({ sites })).toThrow("crossborder:sites.sg.outOfService is true");
  expect(pskRotation({ sites }).steps).toHaveLength(3);
});

test("an authority is trusted before it issues, and dropped after the next does", () => {
  const { steps, outcome } = authorityRotation({});
  expect(steps.map(({ meaning }) => meaning)).toEqual([
    "authority 1 issues, 2 is trusted too",
    "authority 2 issues, 1 is trusted too",
    "authority 2 alone is trusted",
  ]);
  expect(outcome).toBe("the authority in use is number 2; the one before is gone");
  const interrupted = { certificates: { authority: { issue: 2, trust: [1] } } };
  expect(authorityRotation(interrupted).steps.map(({ meaning }) => meaning)).toEqual([
    "authority 2 alone is trusted",
  ]);
});

/** The settings after some changes, as `pulumi config set --path` and `rm` make them. */
function changed(
  settings: object,
  changes: readonly { path: string; value?: number }[],
): Record<string, unknown> {
  const result = structuredClone(settings) as Record<string, unknown>;
  for (const { path, value } of changes) {
    const parts = path.replace("crossborder:", "").replace("[0]", ".0").split(".");
    let group = result;
    for (const [index, part] of parts.slice(0, -1).entries()) {
      group = (group[part] ??= parts[index + 1] === "0" ? [] : {}) as Record<string, unknown>;
    }
    if (value === undefined) Reflect.deleteProperty(group, parts.at(-1)!);
    else group[parts.at(-1)!] = value;
  }
  return result;
}

test.each([
  ["the pre-shared key's", pskRotation],
  ["the certificates'", certificateRotation],
  ["the authority's", authorityRotation],
])(
  "every step of %s rotation leaves settings that are valid, and the steps after it the same",
  (_, rotation) => {
    let settings = validSettings();
    const { steps } = rotation(settings);
    for (const [index, { changes }] of steps.entries()) {
      settings = changed(settings, changes);
      expect(() => parseSettings(settings)).not.toThrow();
      if (rotation !== certificateRotation && index < steps.length - 1) {
        expect(rotation(settings).steps).toEqual(steps.slice(index + 1));
      }
    }
  },
);

/** The output of a stack whose last deployment carried these numbers out. */
function deployed(passwords: { use: number; accept: number[] }): PostgresOutput {
  return { passwords } as unknown as PostgresOutput;
}

test("passwords move to the other login in one deployment, and the next run ends the old one", () => {
  const key = "crossborder:postgres.passwords";
  const begun = passwordRotation({ postgres: {} }, deployed({ use: 1, accept: [] }));
  expect(begun.steps.map(({ changes }) => changes)).toEqual([
    [
      { path: `${key}.use`, value: 2 },
      { path: `${key}.accept[0]`, value: 1 },
    ],
  ]);
  expect(begun.outcome).toContain("run the same command again");
  const both = { use: 2, accept: [1] };
  const ended = passwordRotation({ postgres: { passwords: both } }, deployed(both));
  expect(ended.steps.map(({ changes }) => changes)).toEqual([
    [{ path: `${key}.use`, value: 2 }, { path: `${key}.accept` }],
  ]);
});

test("passwords that a failed deployment was to make are deployed before the old login ends", () => {
  const settings = { postgres: { passwords: { use: 2, accept: [1] } } };
  for (const output of [deployed({ use: 1, accept: [] }), "off" as const, undefined]) {
    expect(passwordRotation(settings, output)).toEqual({
      steps: [
        {
          meaning:
            "what the settings say is not deployed yet: applications can log in with passwords 1 and 2",
          changes: [],
        },
      ],
      outcome: expect.stringContaining(
        "run the same command again when every application uses them",
      ) as string,
    });
  }
});

test("an old login that a failed deployment was to end is ended before another rotation begins", () => {
  const rotation = passwordRotation(
    { postgres: { passwords: { use: 2 } } },
    deployed({ use: 2, accept: [1] }),
  );
  expect(rotation.steps.map(({ changes }) => changes)).toEqual([[]]);
  expect(rotation.outcome).toBe("the passwords in use are number 2; those before are gone");
});

test.each([{}, { postgres: "off" }])("a stack without a database has no passwords: %j", (settings) => {
  expect(() => passwordRotation(settings)).toThrow("crossborder:postgres is off");
});
