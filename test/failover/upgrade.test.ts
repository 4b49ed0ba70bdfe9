import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceAddress, type SiteName, siteNames } from "../../lab/network/plan";
import { type LabPaths, labPaths } from "../../lab/paths";
import { openSession, run } from "../../lab/sessions";
import { bringDown } from "../../lab/up";
import { root } from "../../toolchain/paths";
import { labTimeoutMs } from "../lab/support/lab";
import { answerers, answerWithSite, askFor, failed, type VipRequest } from "../lab/support/vip";

/** The release before this one. Whoever makes a release names the one that it follows. */
const previousRelease = "03968e99f9b99789b722fc47e3164d79fcfc5ac4";

/** The service of the lab's settings that stands behind the service address for tests. */
const port = 7020;

const minute = 60_000;

/** A checkout of its own, as an operator's: it has its own lab and state. */
const checkout = mkdtempSync(join(tmpdir(), "upgrade-"));
const paths: LabPaths = labPaths({ CROSSBORDER_LAB_DIR: join(checkout, ".lab") });

const git = (...args: string[]): string =>
  execFileSync("git", args, { cwd: checkout, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();

/** Runs `npm run lab` with arguments in the checkout. @throws Error with what it printed when it fails. */
function lab(...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", ["run", "--silent", "lab", "--", ...args], { cwd: checkout });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => (output += data.toString()));
    }
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(output))));
  });
}

/** Times that keepalived has changed its state since the host booted. */
async function transitions(site: SiteName): Promise<number> {
  const session = await openSession(site, { paths });
  try {
    const journal = await run(session, "journalctl -b -u keepalived.service -o cat --no-pager");
    return journal.split("\n").filter((line) => /Entering \w+ STATE/.test(line)).length;
  } finally {
    session.close();
  }
}

beforeAll(async () => {
  // Two labs at once are too much for the computer that this is promised to run on.
  await bringDown();
  execFileSync("git", ["clone", "--quiet", root, checkout], { stdio: "inherit" });
  git("checkout", "--quiet", previousRelease);
  await lab();
}, 2 * labTimeoutMs);
afterAll(async () => {
  await lab("reset");
  rmSync(checkout, { recursive: true, force: true });
}, labTimeoutMs);

test(
  "an upgrade from the previous release moves no service address and fails no request",
  async () => {
    for (const site of siteNames) {
      const gateway = await openSession(site, { paths });
      await answerWithSite(gateway, site, port).finally(() => gateway.close());
    }
    const before = await Promise.all(siteNames.map(transitions));
    git(
      "checkout",
      "--quiet",
      execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).trim(),
    );

    let upgraded = false;
    const upgrade = lab().finally(() => (upgraded = true));
    const wan = await openSession("wan", { paths });
    const requests: VipRequest[] = [];
    try {
      while (!upgraded) requests.push(...(await askFor(10, wan, "client-sg", serviceAddress, port)));
    } finally {
      wan.close();
      await upgrade;
    }

    process.stdout.write(
      `${requests.length} requests during the upgrade, ${failed(requests).length} failed\n`,
    );
    expect(answerers(requests)).toEqual(["from-la"]);
    expect(failed(requests)).toEqual([]);
    expect(await Promise.all(siteNames.map(transitions))).toEqual(before);
  },
  20 * minute,
);
