/** @type {import("jest").Config} */
const shared = {
  testEnvironment: "node",
  globalSetup: "<rootDir>/test/support/python.ts",
  transform: {
    "/sdks/.+\\.ts$": "<rootDir>/test/support/generatedSources.js",
    "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }],
  },
  // Its sources, which are there before they are compiled too. What they are compiled to has a package.json of the same name.
  moduleNameMapper: { "^@pulumi/tencentcloud$": "<rootDir>/sdks/tencentcloud/index.ts" },
  modulePathIgnorePatterns: ["<rootDir>/.lab/", "<rootDir>/sdks/tencentcloud/bin/"],
  coveragePathIgnorePatterns: ["/node_modules/", "<rootDir>/sdks/"],
};

module.exports = {
  projects: [
    { ...shared, displayName: "unit", testMatch: ["<rootDir>/test/unit/**/*.test.ts"] },
    { ...shared, displayName: "plugins", testMatch: ["<rootDir>/test/plugins/**/*.test.ts"] },
    { ...shared, displayName: "engine", testMatch: ["<rootDir>/test/engine/**/*.test.ts"] },
    { ...shared, displayName: "lab", testMatch: ["<rootDir>/test/lab/**/*.test.ts"] },
    { ...shared, displayName: "drills", testMatch: ["<rootDir>/test/drills/**/*.test.ts"] },
    { ...shared, displayName: "failover", testMatch: ["<rootDir>/test/failover/**/*.test.ts"] },
  ],
};
