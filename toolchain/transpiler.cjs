const swc = require("ts-node/transpilers/swc");
const ts = require("typescript");

/**
 * Translates the program's TypeScript for Pulumi: by swc, in a fifth of the compiler's time. Generated packages are left to the compiler,
 * because they define their exports a second time, which what swc makes of them doesn't allow.
 * @type {import("ts-node").TranspilerModule["create"]}
 */
module.exports.create = (options) => {
  const quick = swc.create(options);
  const compilerOptions = options.service.config.options;
  return {
    transpile: (source, { fileName }) =>
      /[\\/]sdks[\\/]/.test(fileName)
        ? ts.transpileModule(source, { fileName, compilerOptions })
        : quick.transpile(source, { fileName }),
  };
};
