/**
 * A resource operation that failed for a reason that its message tells in full. It has no stack: the engine would show
 * it, and where in a provider's code a command was found to fail helps nobody.
 */
export class ResourceFailure extends Error {
  override readonly name = "ResourceFailure";
  override readonly stack = "";
}

/** The type token of a resource, from its URN: `urn:pulumi:stack::project::parent$type::name`. */
export function typeOf(urn: string): string {
  return urn.split("::")[2]!.split("$").at(-1)!;
}

/** The name of a resource, from its URN. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}
