import { z } from "zod";
import { rules } from "./rules";
import { schema, secretKeys, type Settings } from "./schema";

/** Settings that can't be used. The message lists every error, one sentence a line. */
export class SettingsError extends Error {
  constructor(readonly errors: readonly string[]) {
    super(
      [
        `The settings have ${errors.length} error${errors.length === 1 ? "" : "s"}; nothing was touched.`,
        ...errors,
      ].join("\n  "),
    );
    this.name = "SettingsError";
  }
}

/**
 * Checks raw settings and fills in defaults.
 * @param raw Values by key, without the namespace.
 * @throws SettingsError that names every wrong key with its value and what is allowed.
 */
export function parseSettings(raw: Readonly<Record<string, unknown>>): Settings {
  const errors = Object.keys(raw)
    .filter((key) => !(key in schema))
    .map((key) => `crossborder:${key} is not a setting; the settings are ${Object.keys(schema).join(", ")}.`);
  const checked: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(schema)) {
    const result = z.safeParse(field as z.ZodType, raw[key], { reportInput: true });
    if (result.success) checked[key] = result.data;
    else errors.push(...result.error.issues.flatMap((issue) => sentences(key, issue)));
  }
  errors.push(...rules.flatMap((rule) => rule(checked)));
  if (errors.length > 0) throw new SettingsError(errors);
  return checked as Settings;
}

function keyOf(top: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (key, part) => (typeof part === "number" ? `${key}[${part}]` : `${key}.${String(part)}`),
    `crossborder:${top}`,
  );
}

function sentences(top: string, issue: z.core.$ZodIssue): string[] {
  const key = keyOf(top, issue.path);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((unknown) => `${key}.${unknown} is not a setting.`);
  }
  if (issue.code === "invalid_key") {
    return issue.issues.map((inner) => `${key} is not allowed as a name; it must be ${inner.message}.`);
  }
  if (issue.code === "invalid_union" && isObject(issue.input)) {
    const forObjects = issue.errors.find((branch) => branch.some((inner) => inner.path.length > 0));
    if (forObjects)
      return forObjects.flatMap((inner) =>
        sentences(top, { ...inner, path: [...issue.path, ...inner.path] }),
      );
  }
  const allowed = issue.message.startsWith("Invalid input") ? "a group of settings" : issue.message;
  if (issue.input === undefined) return [`${key} is missing; it must be ${allowed}.`];
  const value = secretKeys.has(top) ? "[secret]" : JSON.stringify(issue.input);
  return [`${key} is ${value}; it must be ${allowed}.`];
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
