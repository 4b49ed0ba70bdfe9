/** @type {import("jest").Config} */
const shared = {
  testEnvironment: "node",
  transform: { "^.+\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2022" } }] },
  modulePathIgnorePatterns: ["<rootDir>/.lab/"],
};

module.exports = {
  projects: [
    { ...shared, displayName: "unit", testMatch: ["<rootDir>/test/unit/**/*.test.ts"] },
    { ...shared, displayName: "plugins", testMatch: ["<rootDir>/test/plugins/**/*.test.ts"] },
    { ...shared, displayName: "engine", testMatch: ["<rootDir>/test/engine/**/*.test.ts"] },
    { ...shared, displayName: "lab", testMatch: ["<rootDir>/test/lab/**/*.test.ts"] },
    { ...shared, displayName: "failover", testMatch: ["<rootDir>/test/failover/**/*.test.ts"] },
  ],
};
