import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { unknownValue } from "@pulumi/pulumi/runtime/rpc";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { nameOf, typeOf } from "../../plugins/support/failure";
import { differs, reveal, type Properties } from "../../plugins/support/values";
import { unary } from "../grpc";
import { forget, show } from "./made";
import type { PackageSchema, Property } from "./packageSchema";

/** A resource that is to be made. */
export interface NewResource {
  readonly type: string;
  /** Its name in the program. */
  readonly name: string;
  /** Without marks of secrecy. */
  readonly inputs: Properties;
  readonly urn: string;
}

/** What a cloud answers. */
export interface Cloud {
  /** Name of the package, e.g. `gcp`. */
  readonly package: string;
  readonly version: string;
  readonly schema: PackageSchema;
  /** Identifier of a resource, and what the cloud itself says of it beside what it was told. */
  make(resource: NewResource): { readonly id: string; readonly said: Properties };
  /** Why the cloud doesn't delete a resource as it is. @returns undefined where it does. */
  keeps(type: string, inputs: Properties): string | undefined;
  /** Answers a function. @throws Error where the stand-in doesn't know it. */
  ask(token: string, args: Properties): Properties;
}

/** Properties that the engine itself puts into a provider's configuration. */
const OF_THE_ENGINE: readonly string[] = ["version", "pluginDownloadURL", "parameterization"];

function properties(struct: Struct | undefined): Properties {
  return (struct?.toJavaScript() ?? {}) as Properties;
}

function struct(values: Properties): Struct {
  return Struct.fromJavaScript(values as Parameters<typeof Struct.fromJavaScript>[0]);
}

function failures(reasons: readonly string[]): rpc.CheckFailure[] {
  return reasons.map((reason) => new rpc.CheckFailure().setReason(reason));
}

/** A value of that type, for what the cloud says of a resource and nobody here asks for. */
function someValue({ type, $ref }: Property): unknown {
  if ($ref) return {};
  return { string: "", number: 0, integer: 0, boolean: false, array: [], object: {} }[type ?? "object"];
}

/** A provider's configuration holds whatever isn't a string as JSON. */
function plainConfiguration(schema: PackageSchema, type: string, configuration: Properties): Properties {
  const declared = schema.inputsOf(type);
  return Object.fromEntries(
    Object.entries(configuration)
      .filter(([name]) => !OF_THE_ENGINE.includes(name) && !name.startsWith("__"))
      .map(([name, marked]) => {
        const value = reveal(marked);
        const isJson =
          typeof value === "string" && value !== unknownValue && declared[name]?.type !== "string";
        return [name, isJson && declared[name] ? JSON.parse(value) : value];
      }),
  );
}

/**
 * The service of a provider that stands in for a cloud's: it checks what it is given against the provider's own schema, answers
 * with what a cloud would, and makes nothing. It keeps nothing either; the engine's state is all that there is, beside what it
 * shows to whoever runs it (`made.ts`). What only the provider itself knows, it doesn't say: which changes replace a resource, and
 * which values go together.
 */
export function standIn(cloud: Cloud): UntypedServiceImplementation {
  const { schema } = cloud;

  const check = (request: rpc.CheckRequest): rpc.CheckResponse => {
    const inputs = properties(request.getNews());
    return new rpc.CheckResponse()
      .setInputs(request.getNews())
      .setFailuresList(failures(schema.problems(typeOf(request.getUrn()), inputs)));
  };

  const checkConfig = (request: rpc.CheckRequest): rpc.CheckResponse => {
    const type = typeOf(request.getUrn());
    const configuration = plainConfiguration(schema, type, properties(request.getNews()));
    return new rpc.CheckResponse()
      .setInputs(request.getNews())
      .setFailuresList(failures(schema.problems(type, configuration)));
  };

  const diff = (request: rpc.DiffRequest): rpc.DiffResponse => {
    const olds = properties(request.getOldInputs() ?? request.getOlds());
    const news = properties(request.getNews());
    const names = new Set([...Object.keys(olds), ...Object.keys(news)]);
    const changed = [...names].filter((name) => differs(olds[name], news[name]));
    const { DIFF_SOME, DIFF_NONE } = rpc.DiffResponse.DiffChanges;
    return new rpc.DiffResponse()
      .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
      .setDiffsList(changed);
  };

  /** What a resource always has, once it is made; what the cloud alone can say is unknown before. */
  const outputs = (urn: string, inputs: Properties, said: Properties | "unknown"): Properties => {
    const { properties: declared = {}, required = [] } = schema.resource(typeOf(urn));
    const own = required.map((name) => [
      name,
      said === "unknown" ? unknownValue : (said[name] ?? someValue(declared[name] ?? {})),
    ]);
    return { ...Object.fromEntries(own), ...inputs };
  };

  const create = (request: rpc.CreateRequest): rpc.CreateResponse => {
    const urn = request.getUrn();
    const inputs = properties(request.getProperties());
    if (request.getPreview()) {
      return new rpc.CreateResponse().setProperties(struct(outputs(urn, inputs, "unknown")));
    }
    const resource = { urn, type: typeOf(urn), name: nameOf(urn), inputs: reveal(inputs) as Properties };
    const { id, said } = cloud.make(resource);
    show(resource.name, { type: resource.type, id, inputs: resource.inputs });
    return new rpc.CreateResponse().setId(id).setProperties(struct(outputs(urn, inputs, said)));
  };

  const update = (request: rpc.UpdateRequest): rpc.UpdateResponse => {
    const urn = request.getUrn();
    const inputs = properties(request.getNews());
    if (!request.getPreview()) {
      show(nameOf(urn), {
        ...{ type: typeOf(urn), id: request.getId() },
        inputs: reveal(inputs) as Properties,
      });
    }
    return new rpc.UpdateResponse().setProperties(
      struct(outputs(urn, inputs, properties(request.getOlds()))),
    );
  };

  const remove = (request: rpc.DeleteRequest): Empty => {
    const urn = request.getUrn();
    const reason = cloud.keeps(typeOf(urn), reveal(properties(request.getProperties())) as Properties);
    if (reason !== undefined) throw new Error(`${nameOf(urn)}: ${reason}`);
    forget(nameOf(urn));
    return new Empty();
  };

  const read = (request: rpc.ReadRequest): rpc.ReadResponse =>
    new rpc.ReadResponse()
      .setId(request.getId())
      .setProperties(request.getProperties())
      .setInputs(request.getInputs());

  const invoke = (request: rpc.InvokeRequest): rpc.InvokeResponse => {
    const token = request.getTok();
    const args = properties(request.getArgs());
    const problems = schema.argumentProblems(token, args);
    return problems.length > 0
      ? new rpc.InvokeResponse().setFailuresList(failures(problems))
      : new rpc.InvokeResponse().setReturn(struct(cloud.ask(token, reveal(args) as Properties)));
  };

  const parameterize = (request: rpc.ParameterizeRequest): rpc.ParameterizeResponse => {
    const name = request.getValue()?.getName();
    if (name !== cloud.package) {
      throw new Error(`this stand-in serves the package ${cloud.package}, and no ${name ?? "other"}`);
    }
    return new rpc.ParameterizeResponse().setName(cloud.package).setVersion(cloud.version);
  };

  return {
    parameterize: unary(parameterize),
    checkConfig: unary(checkConfig),
    diffConfig: unary(diff),
    configure: unary(() => new rpc.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true)),
    check: unary(check),
    diff: unary(diff),
    create: unary(create),
    update: unary(update),
    read: unary(read),
    delete: unary(remove),
    invoke: unary(invoke),
    cancel: unary(() => new Empty()),
    getPluginInfo: unary(() => new PluginInfo().setVersion(cloud.version)),
  };
}
