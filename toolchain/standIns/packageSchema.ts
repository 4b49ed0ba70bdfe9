import { readFileSync } from "node:fs";
import { isUnknown, reveal } from "../../plugins/support/values";

/** The parts of a property's schema that values are held against. One without a type takes anything. */
export interface Property {
  readonly type?: "string" | "number" | "integer" | "boolean" | "array" | "object";
  readonly items?: Property;
  readonly additionalProperties?: Property;
  /** `#/types/` and the name of an object type. */
  readonly $ref?: string;
}

export interface ObjectType {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

export interface Resource {
  readonly inputProperties: Readonly<Record<string, Property>>;
  readonly requiredInputs?: readonly string[];
  /** What the resource has once it is made. */
  readonly properties?: Readonly<Record<string, Property>>;
  /** Those of `properties` that it always has. */
  readonly required?: readonly string[];
}

/** Where a package's resources, object types and functions are looked up. */
export interface Declarations {
  /** A resource by its token; the provider itself is `pulumi:providers:<package>`. */
  resource(type: string): Resource | undefined;
  objectType(name: string): ObjectType | undefined;
  /** What a function takes, by its token. */
  functionInputs(token: string): ObjectType | undefined;
}

interface Schema {
  readonly resources: Readonly<Record<string, Resource>>;
  readonly provider: Resource;
  readonly types: Readonly<Record<string, ObjectType>>;
  readonly functions: Readonly<Record<string, { readonly inputs?: ObjectType }>>;
}

/** The declarations of a package's schema, in the format of Pulumi's tools. */
export function schemaInFile(file: string): Declarations {
  const schema = JSON.parse(readFileSync(file, "utf8")) as Schema;
  return {
    resource: (type) => (type.startsWith("pulumi:providers:") ? schema.provider : schema.resources[type]),
    objectType: (name) => schema.types[name],
    functionInputs: (token) => {
      const found = schema.functions[token];
      return found && (found.inputs ?? {});
    },
  };
}

function noun(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return value !== null && typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/**
 * Says of any inputs what a package's provider would. Values are never told, because they may be secret; what isn't known yet
 * has no problems.
 */
export class PackageSchema {
  constructor(private readonly declarations: Declarations) {}

  /** @throws Error where the package has no such resource. */
  resource(type: string): Resource {
    const found = this.declarations.resource(type);
    if (!found) throw new Error(`the package has no resource ${type}`);
    return found;
  }

  /** The inputs that a resource takes, by name. */
  inputsOf(type: string): Readonly<Record<string, Property>> {
    return this.resource(type).inputProperties;
  }

  /** What is wrong with a resource's inputs, one sentence each. */
  problems(type: string, inputs: Readonly<Record<string, unknown>>): string[] {
    const { inputProperties, requiredInputs } = this.resource(type);
    return this.objectProblems(type, { properties: inputProperties, required: requiredInputs }, inputs);
  }

  /** What is wrong with a function's arguments, one sentence each. @throws Error where the package has no such function. */
  argumentProblems(token: string, args: Readonly<Record<string, unknown>>): string[] {
    const inputs = this.declarations.functionInputs(token);
    if (!inputs) throw new Error(`the package has no function ${token}`);
    return this.objectProblems(token, inputs, args);
  }

  private objectProblems(
    where: string,
    { properties = {}, required = [] }: ObjectType,
    value: object,
  ): string[] {
    const given = Object.entries(value).filter(([, part]) => part !== undefined && part !== null);
    return [
      ...required
        .filter((name) => !given.some(([key]) => key === name))
        .map((name) => `${where} lacks ${name}`),
      ...given.flatMap(([key, part]) => {
        const property = properties[key];
        return property ? this.valueProblems(`${where}.${key}`, property, part) : [`${where} has no ${key}`];
      }),
    ];
  }

  private valueProblems(where: string, property: Property, marked: unknown): string[] {
    const value = reveal(marked);
    if (isUnknown(value)) return [];
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    if (property.$ref) {
      const type = this.declarations.objectType(decodeURIComponent(property.$ref.replace("#/types/", "")));
      if (!type) throw new Error(`the package has no type ${property.$ref}`);
      return isObject
        ? this.objectProblems(where, type, value)
        : [`${where} is ${noun(value)}, and no object`];
    }
    if (property.type === "array") {
      return Array.isArray(value)
        ? value.flatMap((item, index) => this.valueProblems(`${where}[${index}]`, property.items!, item))
        : [`${where} is ${noun(value)}, and no list`];
    }
    if (property.type === "object") {
      if (!isObject) return [`${where} is ${noun(value)}, and no map`];
      return Object.entries(value).flatMap(([key, item]) =>
        this.valueProblems(`${where}.${key}`, property.additionalProperties ?? {}, item),
      );
    }
    if (property.type === undefined) return [];
    const wanted = property.type === "integer" ? "number" : property.type;
    return typeof value === wanted ? [] : [`${where} is ${noun(value)}, and no ${property.type}`];
  }
}
