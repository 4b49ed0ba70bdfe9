import { createRequire } from "node:module";
import { runInNewContext } from "node:vm";
import { ModuleKind, ScriptTarget } from "typescript";

interface Transpiler {
  transpile(source: string, file: { readonly fileName: string }): { readonly outputText: string };
}

// As ts-node loads it: it is no TypeScript.
const load = createRequire(__filename);
const { create } = load("../../../toolchain/transpiler.cjs") as { create(options: object): Transpiler };
const { transpile } = create({
  service: {
    config: { options: { target: ScriptTarget.ES2022, module: ModuleKind.CommonJS } },
    projectLocalResolveHelper: load.resolve,
  },
  transpilerConfigLocalResolveHelper: load.resolve,
});

/** Defines an export of a file a second time, as generated packages do. */
function defineAgain(fileName: string): void {
  const { outputText } = transpile("export const a: number = 1;", { fileName });
  const again = 'Object.defineProperty(exports, "a", { get: () => 2 });';
  runInNewContext(`${outputText}\n${again}`, { exports: {} });
}

test("generated packages may define their exports a second time, which what is quicker to translate may not", () => {
  expect(() => defineAgain("/project/sdks/cloud/index.ts")).not.toThrow();
  expect(() => defineAgain("/project/components/index.ts")).toThrow("Cannot redefine property: a");
});
