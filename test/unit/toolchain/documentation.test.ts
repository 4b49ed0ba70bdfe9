import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../../../toolchain/paths";

const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).trim().split("\n");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const pages = files.filter(
  (file) => /^(docs\/.*|README|CONTRIBUTING)\.?(md)?$/.test(file) && file.endsWith(".md"),
);
const text = pages.map(read).join("\n");
/** The programs on hosts that publish metrics. */
const published = new Set(
  files
    .filter((file) => /^components\/.*\.py$/.test(file))
    .flatMap((file) =>
      [...read(file).matchAll(/\bfamily\(\s*"(crossborder_[a-z_]+)"/g)].map(([, name]) => name!),
    ),
);

test("every metric that is published is documented, and no other", () => {
  const documented = new Set(
    [...text.matchAll(/`(crossborder_[a-z_]+)(?:\{[a-z,]+\})?`/g)].map(([, name]) => name!),
  );
  for (const one of ["link_up", "backup_state", "ha_serves", "postgres_wal_state"])
    expect(published).toContain(`crossborder_${one}`);
  expect([...published].filter((name) => !documented.has(name))).toEqual([]);
  // Roles of the database have names like metrics.
  const roles = ["crossborder_replication", "crossborder_monitor", "crossborder_gate"];
  expect([...documented].filter((name) => !published.has(name) && !roles.includes(name))).toEqual([]);
});

test("every command that the documentation names exists", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const named = new Set([...text.matchAll(/npm run ([a-z][a-z:]*)/g)].map(([, name]) => name!));
  expect([...named].filter((name) => !(name in scripts))).toEqual([]);
});

test("every file that the documentation names or leads to exists", () => {
  const named = [
    ...text.matchAll(/`((?:components|drills|providers|resync|lab|toolchain|settings)\/[\w./]+)`/g),
  ];
  const missing = named.map(([, file]) => file!).filter((file) => !existsSync(join(root, file)));
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([\w./-]+\.md)(?:#([\w-]+))?\)/g)]
      .map(([, target]) => join(dirname(page), target!))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page} leads to ${target}`),
  );
  expect([...missing, ...broken]).toEqual([]);
});
