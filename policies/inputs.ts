/** Inputs of a resource by name. */
export type Inputs = Readonly<Record<string, unknown>>;

/** Stands for an input that nobody knows before the deployment. It may become anything, so it violates nothing. */
export const UNKNOWN = Symbol("unknown");

/** A group of inputs; an empty one for what is none. */
export function group(value: unknown): Inputs {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Inputs) : {};
}

/** A list of groups of inputs; an empty one for what is none. */
export function groups(value: unknown): Inputs[] {
  return Array.isArray(value) ? value.map(group) : [];
}

/** The texts of a list that are known. */
export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part) => typeof part === "string") : [];
}

/** Whether an input was left out, or is an empty text or list, which clouds take for the same. */
export function isAbsent(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
  );
}

/** A value as violations show it. */
export function shown(value: unknown): string {
  return isAbsent(value) ? "missing" : typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * A copy of what a policy is given, in which everything can be read. The policy package throws when something is read that
 * isn't known, which would end a rule before it has seen the rest.
 */
export function readable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const at = (key: string | number): unknown => {
    try {
      return readable((value as Record<string | number, unknown>)[key]);
    } catch {
      return UNKNOWN;
    }
  };
  return Array.isArray(value)
    ? Array.from({ length: value.length }, (_, index) => at(index))
    : Object.fromEntries(Object.keys(value).map((key) => [key, at(key)]));
}
