import { specialSecretSig, specialSigKey, unknownValue } from "@pulumi/pulumi/runtime/rpc";

/** A property as the engine sends it: JSON, with secrets wrapped in marked objects and unknowns as a marked string. */
export type Value = unknown;
export type Properties = Readonly<Record<string, Value>>;

function isObject(value: Value): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is marked secret. Values inside it are not looked at. */
export function isSecret(value: Value): value is { readonly value: Value } {
  return isObject(value) && value[specialSigKey] === specialSecretSig;
}

/** Marks a value secret. */
export function secret(value: Value): Value {
  return isSecret(value) ? value : { [specialSigKey]: specialSecretSig, value };
}

/** Whether a value will be known only after other resources are made. */
export function isUnknown(value: Value): boolean {
  return value === unknownValue;
}

/** The value without any mark of secrecy, at any depth. */
export function reveal(value: Value): Value {
  if (isSecret(value)) return reveal(value.value);
  if (Array.isArray(value)) return value.map(reveal);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reveal(item)]));
  return value;
}

/** Whether any part of a value is secret. */
export function containsSecret(value: Value): boolean {
  if (isSecret(value)) return true;
  if (Array.isArray(value)) return value.some(containsSecret);
  return isObject(value) && Object.values(value).some(containsSecret);
}

/** Every string inside the secret parts of a value. */
export function secretStrings(value: Value, inside = false): string[] {
  if (isSecret(value)) return secretStrings(value.value, true);
  if (Array.isArray(value)) return value.flatMap((item) => secretStrings(item, inside));
  if (isObject(value)) return Object.values(value).flatMap((item) => secretStrings(item, inside));
  return inside && typeof value === "string" ? [value] : [];
}

/**
 * Whether a new value has to be brought to a resource that has the old one: it is another value, or it is secret now and
 * was not before. A value that merely was secret may stay: the state keeps more than it needs to.
 */
export function differs(old: Value, next: Value, wasSecret = false): boolean {
  if (isSecret(old)) return differs(old.value, next, true);
  if (isSecret(next)) return !wasSecret || differs(old, next.value, true);
  if (isUnknown(next)) return true;
  if (Array.isArray(old) && Array.isArray(next)) {
    return old.length !== next.length || old.some((item, index) => differs(item, next[index], wasSecret));
  }
  if (isObject(old) && isObject(next)) {
    const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
    return [...keys].some((key) => differs(old[key], next[key], wasSecret));
  }
  return (old ?? null) !== (next ?? null);
}
