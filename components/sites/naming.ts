/**
 * Names and labels of what is made in a cloud. Clouds know no stacks, so both carry the stack: two of them in one
 * account never ask for the same name.
 */

/**
 * The longest name of a stack with sites that are made: the shortest names that a cloud allows are those of Google's
 * service accounts, 30 characters for stack, site and `vm`.
 */
export const LONGEST_STACK = 11;

/** What stacks and sites are called when a cloud makes something for them: no `-`, which parts the names. */
export const PLAIN_NAME = /^[a-z][a-z0-9]*$/;

/** Names, within their site, of the gateways that a cloud makes, in order of preference. */
export const GATEWAY_NAMES = ["gw1", "gw2"] as const;

/** What a thing that is made belongs to. */
export interface Owner {
  /** Name of the stack: at most {@link LONGEST_STACK} of a-z and 0-9. */
  readonly stack: string;
  /** Name of the site: at most 15 of a-z and 0-9. */
  readonly site: string;
  /** The operator's own labels. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Name of a thing in its cloud: `prod-la-gw1`. Without a suffix it is the site's own, `prod-la`. */
export function cloudName({ stack, site }: Owner, suffix?: string): string {
  return [stack, site, ...(suffix === undefined ? [] : [suffix])].join("-");
}

/** Names of the program's own labels, by which costs and policies tell things apart. */
export const OWN_LABELS: readonly string[] = ["managed-by", "stack", "site", "role"];

/** Labels of a thing in its cloud. */
export function labelsOf({ stack, site, labels }: Owner, role: string): Record<string, string> {
  return { ...labels, "managed-by": "crossborder", stack, site, role };
}
