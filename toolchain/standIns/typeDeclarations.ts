import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as ts from "typescript";
import type { Declarations, ObjectType, Property, Resource } from "./packageSchema";

/** Members of an interface, or of a class. */
type Members = ts.NodeArray<ts.TypeElement | ts.ClassElement>;

function parse(text: string): ts.NodeArray<ts.Statement> {
  const options = {
    languageVersion: ts.ScriptTarget.ES2022,
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
  };
  return ts.createSourceFile("declarations.d.ts", text, options, true).statements;
}

function interfaceIn(statements: readonly ts.Statement[], name: string): ts.InterfaceDeclaration | undefined {
  return statements.filter(ts.isInterfaceDeclaration).find((node) => node.name.text === name);
}

/** What stands in a namespace of a file of the generator's: between a line that opens it and the next that only closes one. */
function textOfNamespace(text: string, name: string): string {
  const start = text.indexOf(`\nexport declare namespace ${name} {\n`);
  return start < 0 ? "" : text.slice(text.indexOf("{", start) + 1, text.indexOf("\n}", start));
}

/** A type without `pulumi.Input<…>`, `pulumi.Output<…>` and `| undefined`. */
function bare(type: ts.TypeNode): { type: ts.TypeNode; optional: boolean } {
  if (ts.isTypeReferenceNode(type) && /^pulumi\.(Input|Output)$/.test(type.typeName.getText())) {
    return bare(type.typeArguments![0]!);
  }
  if (ts.isUnionTypeNode(type)) {
    const rest = type.types.filter(({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword);
    if (rest.length === 1) return { type: bare(rest[0]!).type, optional: rest.length < type.types.length };
  }
  return { type, optional: false };
}

/** What the generator wrote of a property, back in the schema's terms. What it has no term for takes anything. */
function propertyOf(declared: ts.TypeNode): Property {
  const { type } = bare(declared);
  switch (type.kind) {
    case ts.SyntaxKind.StringKeyword:
      return { type: "string" };
    case ts.SyntaxKind.NumberKeyword:
      return { type: "number" };
    case ts.SyntaxKind.BooleanKeyword:
      return { type: "boolean" };
  }
  if (ts.isArrayTypeNode(type)) return { type: "array", items: propertyOf(type.elementType) };
  if (ts.isTypeLiteralNode(type)) {
    const index = type.members.find(ts.isIndexSignatureDeclaration);
    return { type: "object", additionalProperties: index ? propertyOf(index.type) : {} };
  }
  const reference = ts.isTypeReferenceNode(type) ? /^inputs\.(.+)$/.exec(type.typeName.getText()) : null;
  return reference ? { $ref: `#/types/${reference[1]}` } : {};
}

function objectOf(members: Members): Required<ObjectType> {
  const declared = members.flatMap((member) => {
    const isProperty = ts.isPropertySignature(member) || ts.isPropertyDeclaration(member);
    const isStatic =
      ts.isPropertyDeclaration(member) &&
      member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword);
    if (!isProperty || isStatic || !member.type) return [];
    const required = member.questionToken === undefined && !bare(member.type).optional;
    return [{ name: member.name.getText(), property: propertyOf(member.type), required }];
  });
  return {
    properties: Object.fromEntries(declared.map(({ name, property }) => [name, property])),
    required: declared.filter(({ required }) => required).map(({ name }) => name),
  };
}

/**
 * The declarations of an installed package of Pulumi's that says its schema only as TypeScript: what a resource takes is its
 * `…Args`, what it has is its class, and the types of both are in types/input.d.ts. Read when they are asked for.
 * @param name The package, e.g. `gcp`.
 */
export function declarationsOf(name: string): Declarations {
  const directory = dirname(require.resolve(`@pulumi/${name}/package.json`));
  const resources = new Map<string, Resource | undefined>();
  const namespaces = new Map<string, readonly ts.Statement[]>();
  let types: string | undefined;

  const read = (path: string, className: string): Resource | undefined => {
    const file = join(directory, `${path}.d.ts`);
    if (!existsSync(file)) return undefined;
    const statements = parse(readFileSync(file, "utf8"));
    const made = statements.filter(ts.isClassDeclaration).find((node) => node.name?.text === className);
    const args = interfaceIn(statements, `${className}Args`);
    if (!made || !args) return undefined;
    const inputs = objectOf(args.members);
    return {
      inputProperties: inputs.properties,
      requiredInputs: inputs.required,
      ...objectOf(made.members),
    };
  };

  return {
    resource: (type) => {
      if (!resources.has(type)) {
        const [, path, className] = type.startsWith("pulumi:providers:")
          ? ["", "provider", "Provider"]
          : (/^[^:]+:([^:]+):([^:]+)$/.exec(type) ?? []);
        resources.set(type, path && className ? read(path, className) : undefined);
      }
      return resources.get(type);
    },
    objectType: (qualified) => {
      const [namespace = "", typeName = ""] = qualified.split(".");
      if (!namespaces.has(namespace)) {
        types ??= readFileSync(join(directory, "types/input.d.ts"), "utf8");
        namespaces.set(namespace, parse(textOfNamespace(types, namespace)));
      }
      const found = interfaceIn(namespaces.get(namespace)!, typeName);
      return found && objectOf(found.members);
    },
    // The program asks this package's functions for nothing.
    functionInputs: () => undefined,
  };
}
