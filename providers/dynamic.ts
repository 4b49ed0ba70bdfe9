import type * as pulumi from "@pulumi/pulumi";

/**
 * What a dynamic provider does, as a module exports it. Every method may be called in a process of its own, long after
 * the program that made the resource ended: nothing but its arguments reaches it.
 *
 * The engine hands over secrets in the clear and `olds` as the outputs of the last operation, so a method can only
 * compare with, or connect to, what the outputs carry. An output that repeats a secret belongs in the resource's
 * `additionalSecretOutputs`.
 */
export interface ProviderLogic<Inputs, Outputs> {
  /** Must compare by itself: the engine asks no one else, and the stub's own text is among the inputs. */
  diff(id: string, olds: Outputs, news: Inputs): Promise<pulumi.dynamic.DiffResult>;
  create(inputs: Inputs): Promise<pulumi.dynamic.CreateResult<Outputs>>;
  update(id: string, olds: Outputs, news: Inputs): Promise<pulumi.dynamic.UpdateResult<Outputs>>;
  read(id: string, outputs: Outputs): Promise<pulumi.dynamic.ReadResult<Outputs>>;
  delete(id: string, outputs: Outputs): Promise<void>;
}

/**
 * A dynamic provider whose methods load their logic when they run.
 *
 * Pulumi writes a provider's code, with all that it captures, into the state. This one captures a path, so the state
 * holds the stub below: a change of the logic is no change of the resource, `read` and `delete` run today's logic
 * instead of the one that created the resource, and no secret can be captured by accident.
 *
 * @param module TypeScript module that exports `logic`, a ProviderLogic, relative to the directory of Pulumi.yaml,
 *   e.g. `providers/probes/gate.ts`. It is looked up when a method runs; the error then names the path.
 */
export function dynamicProvider(module: string): pulumi.dynamic.ResourceProvider {
  return {
    diff: async (id: string, olds: unknown, news: unknown) => load(module).diff(id, olds, news),
    create: async (inputs: unknown) => load(module).create(inputs),
    update: async (id: string, olds: unknown, news: unknown) => load(module).update(id, olds, news),
    read: async (id: string, outputs: unknown) => load(module).read(id, outputs),
    delete: async (id: string, outputs: unknown) => load(module).delete(id, outputs),
  };
}

/**
 * Serialised with the stub, so it may use nothing from outside its body but Node's globals. The provider process
 * starts in the directory of Pulumi.yaml, and its `require` resolves from there.
 */
function load(module: string): ProviderLogic<unknown, unknown> {
  const project = process.cwd();
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would be captured and serialised
  return require("tsx/cjs/api").require(`./${module}`, `${project}/index.ts`).logic;
}
