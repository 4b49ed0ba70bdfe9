import { readFileSync } from "node:fs";
import * as path from "node:path";
import { settingsTable, stackSchema } from "../../../settings/docs";

const committed = (file: string): string => readFileSync(path.join(__dirname, "../../..", file), "utf8");

test("the page of settings is the schema's", () => {
  expect(committed("docs/settings.md")).toBe(settingsTable());
});

test("the editors' schema is the schema's", () => {
  expect(committed("settings/stack.schema.json")).toBe(stackSchema());
});
