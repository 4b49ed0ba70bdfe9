import type { CheckFailure } from "@pulumi/pulumi/provider";
import { isSecret, isUnknown, reveal, type Properties, type Value } from "./values";

/** What a property must be. */
export interface Rule {
  readonly type: "string" | "number" | "boolean" | "strings" | "map" | "any";
  readonly required?: boolean;
  /** For a property that the official plugin has and this one does not: why, completing "`x` is not supported: …". */
  readonly refused?: string;
  /** Allowed values of a string. */
  readonly oneOf?: readonly string[];
  /** Smallest whole number allowed. */
  readonly atLeast?: number;
}

export type Rules = Readonly<Record<string, Rule>>;

const shapes: Readonly<Record<Rule["type"], (value: Value) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  strings: (value) =>
    Array.isArray(value) && value.every((item) => isUnknown(item) || typeof item === "string"),
  map: (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => isUnknown(item) || typeof item === "string"),
  any: () => true,
};

const nouns: Readonly<Record<Rule["type"], string>> = {
  string: "a string",
  number: "a number",
  boolean: "true or false",
  strings: "a list of strings",
  map: "an object whose values are strings",
  any: "any value",
};

function complaint(name: string, value: Value, rule: Rule | undefined): string | undefined {
  if (!rule) return `\`${name}\` is not an option that this provider knows`;
  if (rule.refused !== undefined) return `\`${name}\` is not supported: ${rule.refused}`;
  if (isUnknown(value)) return undefined;
  if (!shapes[rule.type](value)) return `\`${name}\` must be ${nouns[rule.type]}`;
  if (rule.oneOf && !rule.oneOf.includes(value as string)) {
    return `\`${name}\` must be one of: ${rule.oneOf.join(", ")}`;
  }
  if (rule.atLeast !== undefined && !(Number.isInteger(value) && (value as number) >= rule.atLeast)) {
    return `\`${name}\` must be a whole number of at least ${rule.atLeast}`;
  }
  return undefined;
}

/**
 * Holds properties against rules. Values never appear in what is said about them, since they may be secret.
 * @param prefix Path of the properties, with a dot at its end, for a nested object.
 * @returns every failure, not only the first.
 */
export function checkProperties(properties: Properties, rules: Rules, prefix = ""): CheckFailure[] {
  const given = Object.entries(properties).filter(
    ([key, value]) => value !== undefined && !key.startsWith("__"),
  );
  const names = new Set(given.map(([name]) => name));
  const missing = Object.entries(rules)
    .filter(([name, rule]) => rule.required && !names.has(name))
    .map(([name]) => ({ property: prefix + name, reason: `\`${prefix}${name}\` is required` }));
  return [
    ...missing,
    ...given.flatMap(([name, value]) => {
      const reason = complaint(prefix + name, reveal(value), rules[name]);
      return reason === undefined ? [] : [{ property: prefix + name, reason }];
    }),
  ];
}

/** The properties of a nested object, or undefined while it is not known yet. */
export function nested(value: Value): Properties | undefined {
  if (isSecret(value)) return nested(value.value);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Properties)
    : undefined;
}
