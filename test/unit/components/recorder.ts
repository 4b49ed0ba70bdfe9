import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";

/** What stands for a value that isn't known yet in what the SDK sends to the engine. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Marks of a secret in what the SDK sends to the engine. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** A value that travelled to the engine as a secret. */
export class Secret {
  constructor(readonly value: unknown) {}
}

/** One resource, as the engine is asked to register it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** Name of the parent; empty for the resources at the top. */
  readonly parent: string;
  /** Secrets stand in it as `Secret`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of the resources that have to exist before it, its parents aside. */
  readonly dependencies: readonly string[];
  readonly deleteBeforeReplace: boolean;
  /** Whether the engine refuses to delete or replace it. */
  readonly protect: boolean;
  /** What forces a replacement when it is another. */
  readonly replacementTrigger: unknown;
  /** Inputs whose changes are passed over. */
  readonly ignoreChanges: readonly string[];
  /** Whether a destroy forgets it without deleting it. */
  readonly retainOnDelete: boolean;
  readonly additionalSecretOutputs: readonly string[];
  /** Former names, as the engine derives URNs from them. */
  readonly aliases: readonly string[];
  /** The provider it was handed, by the provider's name; empty for the default one. */
  readonly provider: string;
}

/** What the engine answers for a resource beside its inputs. */
export type Answers = (type: string, name: string) => Readonly<Record<string, unknown>>;

function nameOf(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function marked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== "object" || value === null) return value;
  const group = value as Record<string, unknown>;
  if (group[SIGNATURE] === SECRET) return new Secret(marked(group["value"]));
  return Object.fromEntries(Object.entries(group).map(([key, part]) => [key, marked(part)]));
}

/** A value of a registration without the marks of its secrets. */
export function plain(value: unknown): unknown {
  if (value instanceof Secret) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

function registered(request: RegisterResourceRequest): Registered {
  return {
    type: request.getType(),
    name: request.getName(),
    parent: nameOf(request.getParent()),
    inputs: marked(request.getObject()?.toJavaScript() ?? {}) as Record<string, unknown>,
    dependencies: request.getDependenciesList().map(nameOf).sort(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    protect: request.getProtect() ?? false,
    replacementTrigger: request.getReplacementTrigger()?.toJavaScript(),
    ignoreChanges: request.getIgnorechangesList(),
    retainOnDelete: request.getRetainondelete() ?? false,
    additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
    aliases: request.getAliasesList().map((alias) => alias.getSpec()?.getName() ?? alias.getUrn()),
    provider: nameOf(request.getProvider().split("::").slice(0, -1).join("::")),
  };
}

/** What the engine answers when a provider's function is called, by its token. */
export type Results = (token: string, inputs: unknown) => Readonly<Record<string, unknown>>;

/**
 * Puts a recording engine in the place of Pulumi's: every resource becomes what it asked for.
 * @param preview Whether it is a preview, in which what no provider answered isn't known, ids among it.
 * @returns the registrations, in their order, once all of them were made.
 */
export async function recordRegistrations(
  answers: Answers = () => ({}),
  preview = false,
  results: Results = () => ({}),
): Promise<() => Promise<readonly Registered[]>> {
  const registrations: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      call: ({ token, inputs }) => results(token, inputs),
      newResource: ({ type, name, inputs }) => ({
        id: preview ? "" : `${name}-id`,
        state: { ...(plain(marked(inputs)) as object), ...answers(type, name) },
      }),
    },
    "crossborder",
    "test",
    preview,
  );
  jest.restoreAllMocks();
  const register = MockMonitor.prototype.registerResource;
  jest.spyOn(MockMonitor.prototype, "registerResource").mockImplementation(function (
    this: MockMonitor,
    request,
    callback,
  ) {
    registrations.push(registered(request as RegisterResourceRequest));
    return register.call(this, request, callback);
  });
  return async () => {
    await pulumi.runtime.disconnect();
    return registrations;
  };
}

/** What anyone who reads the plan sees of a resource: all of it but its secrets. */
export function visible(resource: Registered): string {
  return JSON.stringify(resource, (_key, part: unknown) => (part instanceof Secret ? "[secret]" : part));
}

/** The one resource of that name. */
export function named(resources: readonly Registered[], name: string): Registered {
  const found = resources.filter((resource) => resource.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources are named ${name}`);
  return found[0]!;
}

/** What an output becomes. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}
