const ts = require("typescript");

/**
 * Compiles generated packages for jest as TypeScript itself does: they define their exports a second time, which what
 * swc makes of them doesn't allow.
 * @type {import("@jest/transform").SyncTransformer}
 */
module.exports = {
  process: (source, fileName) => ({
    code: ts.transpileModule(source, {
      fileName,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
    }).outputText,
  }),
};
