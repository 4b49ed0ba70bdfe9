import { readFileSync } from "node:fs";

/** The parts of a property's schema that inputs are held against. */
interface Property {
  readonly type?: "string" | "number" | "integer" | "boolean" | "array" | "object";
  readonly items?: Property;
  readonly additionalProperties?: Property;
  readonly $ref?: string;
}

interface ObjectType {
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

interface Resource {
  readonly inputProperties: Readonly<Record<string, Property>>;
  readonly requiredInputs?: readonly string[];
}

interface Schema {
  readonly resources: Readonly<Record<string, Resource>>;
  readonly provider: Resource;
  readonly types: Readonly<Record<string, ObjectType>>;
}

/** A Pulumi package's schema, which says of any inputs what a provider would. */
export class PackageSchema {
  private readonly schema: Schema;

  constructor(file: string) {
    this.schema = JSON.parse(readFileSync(file, "utf8")) as Schema;
  }

  /** The inputs that a resource takes, by name. */
  inputsOf(type: string): Readonly<Record<string, Property>> {
    return this.resource(type).inputProperties;
  }

  /** What is wrong with a resource's inputs, one sentence each; unknown values are left out of the inputs. */
  problems(type: string, inputs: Readonly<Record<string, unknown>>): string[] {
    const { inputProperties, requiredInputs } = this.resource(type);
    return this.objectProblems(type, { properties: inputProperties, required: requiredInputs }, inputs);
  }

  private resource(type: string): Resource {
    const found = type.startsWith("pulumi:providers:") ? this.schema.provider : this.schema.resources[type];
    if (!found) throw new Error(`the package has no resource ${type}`);
    return found;
  }

  private objectProblems(
    where: string,
    { properties = {}, required = [] }: ObjectType,
    value: object,
  ): string[] {
    const given = Object.entries(value).filter(([, part]) => part !== undefined);
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

  private valueProblems(where: string, property: Property, value: unknown): string[] {
    if (property.$ref) {
      const type = this.schema.types[decodeURIComponent(property.$ref.replace("#/types/", ""))];
      if (!type) throw new Error(`the package has no type ${property.$ref}`);
      return typeof value === "object" && value !== null
        ? this.objectProblems(where, type, value)
        : [`${where} is ${JSON.stringify(value)}, and no object`];
    }
    if (property.type === "array") {
      return Array.isArray(value)
        ? value.flatMap((item, index) => this.valueProblems(`${where}[${index}]`, property.items!, item))
        : [`${where} is ${JSON.stringify(value)}, and no list`];
    }
    if (property.type === "object") {
      if (typeof value !== "object" || value === null)
        return [`${where} is ${JSON.stringify(value)}, and no map`];
      return Object.entries(value).flatMap(([key, item]) =>
        this.valueProblems(`${where}.${key}`, property.additionalProperties!, item),
      );
    }
    const wanted = property.type === "integer" ? "number" : property.type;
    return typeof value === wanted ? [] : [`${where} is ${JSON.stringify(value)}, and no ${property.type}`];
  }
}
