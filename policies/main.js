// Pulumi would check the pack's types at every run; as for the program, `npm test` does that once.
require("tsx/cjs");
require("./index.ts");
