import { writeFileSync } from "node:fs";
import * as path from "node:path";
import { z } from "zod";
import { secretKeys, settingsSchema } from "./schema";

/** One line of the table of settings. */
interface Row {
  readonly key: string;
  readonly allowed: string;
  readonly fallback: string;
  readonly description: string;
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

function jsonSchema(): JsonSchema {
  return z.toJSONSchema(settingsSchema, { io: "input", target: "draft-7" });
}

/** The schema of a stack file, for editors: settings under `config`, each key in the program's namespace. */
export function stackSchema(): string {
  const { properties = {}, required = [] } = jsonSchema();
  const name = (key: string): string => `crossborder:${key}`;
  const secure = { type: "object", properties: { secure: { type: "string" } }, required: ["secure"] };
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack settings of crossborder",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: Object.fromEntries(
          Object.entries(properties).map(([key, value]) => [
            name(key),
            secretKeys.has(key) ? { anyOf: [value, secure] } : value,
          ]),
        ),
        required: required.filter((key) => !secretKeys.has(key)).map(name),
      },
    },
  };
  return JSON.stringify(schema, null, 2) + "\n";
}

function rows(key: string, schema: JsonSchema): Row[] {
  const children = childrenOf(key, schema);
  if (children.length > 0) return children.flatMap(([childKey, child]) => rows(childKey, child));
  return [
    {
      key,
      allowed: allowed(schema),
      fallback: schema.default === undefined ? "" : `\`${JSON.stringify(schema.default)}\``,
      description: schema.description ?? "",
    },
  ];
}

function childrenOf(key: string, schema: JsonSchema): [string, JsonSchema][] {
  const group = schema.anyOf?.find((branch) => (branch as JsonSchema).properties) as JsonSchema | undefined;
  const alternatives: [string, JsonSchema][] = group
    ? [[key, { ...schema, anyOf: undefined, type: undefined, description: schema.description, const: "off" }]]
    : [];
  const own = Object.entries((group ?? schema).properties ?? {}).map(
    ([name, child]): [string, JsonSchema] => [`${key}.${name}`, child as JsonSchema],
  );
  if (typeof schema.additionalProperties === "object") {
    return childrenOf(`${key}.<${entryOf(key)}>`, schema.additionalProperties as JsonSchema);
  }
  if (schema.type === "array" && (schema.items as JsonSchema | undefined)?.properties) {
    return childrenOf(`${key}[]`, schema.items as JsonSchema);
  }
  return [...alternatives, ...own];
}

/** What an entry of a group by name is called: one of `sites` is a `site`. */
function entryOf(key: string): string {
  return key.split(".").at(-1)!.replace(/s$/, "");
}

function allowed(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (schema.const !== undefined) return `\`${String(schema.const)}\`, or the keys below`;
  if (schema.minimum !== undefined) return `${schema.minimum} to ${schema.maximum}`;
  if (schema.type === "array") return `list of ${(schema.items as JsonSchema).type}`;
  return String(schema.type ?? "");
}

/** The table of all settings, as Markdown. */
export function settingsTable(): string {
  const lines = Object.entries(jsonSchema().properties ?? {})
    .flatMap(([key, schema]) => rows(key, schema as JsonSchema))
    .map((row) => `| \`${row.key}\` | ${row.allowed} | ${row.fallback} | ${row.description} |`);
  return `# Settings

Every key lives in the namespace \`crossborder\` of a stack file, e.g. \`crossborder:primary\` in \`Pulumi.lab.yaml\`. Wrong
settings are all named at once, before anything is touched. Editors that read the first line of the stack files complete
and check the keys. This page is made from the schema by \`npm run settings:docs\`.

| key | allowed | default | what it is |
|---|---|---|---|
${lines.join("\n")}
`;
}

if (require.main === module) {
  const root = path.join(__dirname, "..");
  writeFileSync(path.join(root, "settings/stack.schema.json"), stackSchema());
  writeFileSync(path.join(root, "docs/settings.md"), settingsTable());
}
