import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { isProduction, type SettingsRule } from "../../../policies/rule";
import { resourceRules, settingsRules } from "../../../policies/rules";
import { budgetIsPossible } from "../../../policies/rules/budget";
import { cryptoIsStrong } from "../../../policies/rules/crypto";
import { sshSettingsNameNobody } from "../../../policies/rules/ssh";
import { parseSettings } from "../../../settings/parse";
import { privateKey, validSettings } from "../settings/fixtures";

const root = join(__dirname, "../../..");

/** What a rule says of the valid settings with some changed. */
function said(rule: SettingsRule, change: Record<string, unknown> = {}, production = true): string[] {
  return rule.check(parseSettings({ ...validSettings(), ...change }), { production });
}

test("SSH from anywhere is refused where no cloud's firewall shows it", () => {
  expect(said(sshSettingsNameNobody)).toEqual([]);
  expect(said(sshSettingsNameNobody, { access: { sshFrom: ["192.0.2.0/24", "0.0.0.0/0"] } })).toEqual([
    "crossborder:access.sshFrom has 0.0.0.0/0; SSH is let in from there, and it must come from ranges that are yours, " +
      "of at most /8 (IPv6: /16).",
  ]);
});

test("weak algorithms are refused in production, acknowledged or not", () => {
  const legacy = { link: { mtu: 1280, ipsec: { profile: "legacy", acknowledgeWeakCrypto: true } } };
  expect(said(cryptoIsStrong, legacy)).toEqual([
    "crossborder:link.ipsec.profile is legacy, whose algorithms are weak; in production it must be one of modern, cnsa, " +
      "whatever acknowledgeWeakCrypto says.",
  ]);
  expect(said(cryptoIsStrong, legacy, false)).toEqual([]);
  expect(said(cryptoIsStrong, { link: { ipsec: { profile: "cnsa" } } })).toEqual([]);
  expect(said(cryptoIsStrong)).toEqual([]);
});

test("the budget has to be one that fibre can meet, everywhere but in the lab", () => {
  // Los Angeles to Singapore: 94.2 ms in a vacuum, 138.3 in fibre.
  expect(said(budgetIsPossible)).toEqual([]);
  expect(said(budgetIsPossible, { gate: { budgetMs: 139 } })).toEqual([]);
  for (const production of [true, false]) {
    expect(said(budgetIsPossible, { gate: { budgetMs: 138 } }, production)).toEqual([
      "crossborder:gate.budgetMs is 138; it must be at least 138.3: light in straight fibre takes that long for the " +
        "round trip la–sg (14122 km).",
    ]);
  }
  const emulated = { emulated: true, gate: { budgetMs: 50 } };
  expect(said(budgetIsPossible, emulated, false)).toEqual([]);
  expect(said(budgetIsPossible, emulated)).toEqual([
    "crossborder:emulated is true, so that physics doesn't bound the budget; in production it must be false.",
  ]);
});

const stacks = readdirSync(root).flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? []);

test.each(stacks)("the settings of Pulumi.%s.yaml violate nothing", (stack) => {
  const { config } = parse(readFileSync(join(root, `Pulumi.${stack}.yaml`), "utf8")) as {
    config: Record<string, unknown>;
  };
  const raw = Object.entries(config).map(([key, value]) => [key.replace(/^crossborder:/, ""), value]);
  const settings = parseSettings({ ...Object.fromEntries(raw), sshPrivateKey: privateKey });
  const surroundings = { production: isProduction(stack) };
  expect(settingsRules.flatMap((rule) => rule.check(settings, surroundings))).toEqual([]);
});

test("the docs have every rule", () => {
  const page = readFileSync(join(root, "docs/policies.md"), "utf8");
  for (const { name } of [...resourceRules, ...settingsRules]) expect(page).toContain(`| \`${name}\``);
});
