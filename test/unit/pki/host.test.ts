import { readFileSync } from "node:fs";
import { connect, createServer } from "node:tls";
import { join } from "node:path";
import { pkiManifest, PKI_UNIT } from "../../../components/pki/manifest";
import { certificatePaths, dnsNameOf, keyPath } from "../../../components/pki/paths";
import { type Authority, createAuthority } from "../../../providers/pki/authority";
import { issueLeaf } from "../../../providers/pki/leaf";
import { report, TemporaryHost } from "../../support/temporaryHost";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const name = "la-gw1";
const paths = certificatePaths(name);
const script = readFileSync(join(__dirname, "../../../components/pki/host-key.sh"), "utf8");

let authority: Authority;
let host: TemporaryHost;
beforeAll(async () => {
  authority = await createAuthority("crossborder authority 1");
});
beforeEach(() => {
  host = new TemporaryHost();
  host.addPackage("openssl");
});
afterEach(() => host.remove());

/** Runs the script of HostKey as its resource does. */
async function key(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await host.exec(`sh -s ${words.join(" ")}`, script);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
const make = (generation = 1): Promise<string> => key("make", keyPath(name, generation), dnsNameOf(name));

/** A certificate for a key that is on the host. */
async function certified(generation = 1, by = authority): Promise<string> {
  const request = await make(generation);
  return (await issueLeaf({ authority: by, request, dnsName: dnsNameOf(name), lifeDays: 90 })).certificate;
}

function manifest(certificate: string, set: Partial<Parameters<typeof pkiManifest>[0]> = {}) {
  const authorities = [authority.certificate];
  const inputs = {
    host: name,
    family: "debian" as const,
    generation: 1,
    certificate,
    authorities,
    group: "root",
  };
  return pkiManifest({ ...inputs, ...set });
}

/** Lets the stub of systemctl run the unit's own commands, as systemd would. */
function withUnit(): void {
  host.hook(`case "$2" in
start | restart) verb=Start ;;
reload) verb=Reload ;;
*) exit 0 ;;
esac
[ "$3" = ${PKI_UNIT} ] || exit 0
command=$(sed -n "s/^Exec$verb=//p" "$CROSSBORDER_ROOT/etc/systemd/system/${PKI_UNIT}")
sh -c "$CROSSBORDER_ROOT$command"`);
}

describe("a key on its host", () => {
  test("is made once, for root alone, and asked for again as often as wanted", async () => {
    const request = await make();
    expect(request).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/);
    expect(request).not.toContain("PRIVATE");
    const made = host.read(keyPath(name, 1));
    expect(made).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(host.mode(keyPath(name, 1))).toBe(0o600);
    expect(host.mode("/etc/crossborder/pki/la-gw1")).toBe(0o755);
    await make();
    expect(host.read(keyPath(name, 1))).toBe(made);
  });

  test("of another generation stands beside it, and each goes alone", async () => {
    const before = host.snapshot();
    await make(1);
    await make(2);
    expect(host.read(keyPath(name, 1))).not.toBe(host.read(keyPath(name, 2)));
    await key("remove", keyPath(name, 1));
    expect(host.exists(keyPath(name, 1))).toBe(false);
    expect(host.exists(keyPath(name, 2))).toBe(true);
    await key("remove", keyPath(name, 2));
    await key("remove", keyPath(name, 2));
    expect(host.snapshot()).toEqual(before);
  });

  test("left half-made by an interruption is made anew", async () => {
    host.write(`${keyPath(name, 1)}.new`, "-----BEGIN PRIV", 0o600);
    await make();
    expect(host.read(keyPath(name, 1))).toContain("END PRIVATE KEY");
    expect(host.exists(`${keyPath(name, 1)}.new`)).toBe(false);
  });
});

describe("a certificate on its host", () => {
  const leaf = (): string => host.read(paths.leaf);

  test("is joined with its key in one file, which TLS takes at both ends", async () => {
    withUnit();
    const certificate = await certified();
    report(await host.bootstrap("apply", manifest(certificate)));
    expect(leaf()).toBe(certificate + host.read(keyPath(name, 1)));
    expect(host.mode(paths.leaf)).toBe(0o600);
    expect(host.read(paths.authorities)).toBe(authority.certificate);

    const options = { cert: leaf(), key: leaf(), ca: host.read(paths.authorities) };
    const server = createServer({ ...options, requestCert: true, rejectUnauthorized: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const accepted = new Promise<boolean>((resolve) =>
      server.once("secureConnection", (socket) => resolve(socket.authorized)),
    );
    const client = connect({ ...options, port, host: "127.0.0.1", servername: dnsNameOf(name) });
    await new Promise((resolve, reject) => client.once("secureConnect", resolve).once("error", reject));
    expect([client.authorized, await accepted]).toEqual([true, true]);
    client.destroy();
    server.close();
  });

  test("that is renewed replaces the file, with another inode; one that is the same leaves it", async () => {
    withUnit();
    const first = await certified();
    report(await host.bootstrap("apply", manifest(first)));
    const before = await host.exec(`stat -c %i ${host.root}${paths.leaf}`);
    report(
      await host.bootstrap(
        "apply",
        manifest(first, { authorities: [authority.certificate, authority.certificate] }),
      ),
    );
    expect(await host.exec(`stat -c %i ${host.root}${paths.leaf}`)).toEqual(before);

    const second = await certified();
    host.write(`${paths.leaf}.new`, "left behind", 0o666);
    report(await host.bootstrap("apply", manifest(second)));
    expect(leaf()).toBe(second + host.read(keyPath(name, 1)));
    expect(await host.exec(`stat -c %i ${host.root}${paths.leaf}`)).not.toEqual(before);
    expect(host.mode(paths.leaf)).toBe(0o600);
    expect(host.exists(`${paths.leaf}.new`)).toBe(false);
  });

  test("moves to a new key and its certificate at once", async () => {
    withUnit();
    report(await host.bootstrap("apply", manifest(await certified())));
    const certificate = await certified(2);
    report(await host.bootstrap("apply", manifest(certificate, { generation: 2 })));
    expect(leaf()).toBe(certificate + host.read(keyPath(name, 2)));
  });

  test.each<[string, () => Promise<ReturnType<typeof manifest>>, string]>([
    [
      "another key's certificate",
      async () => manifest(await certified(2)),
      "is not the one of the certificate",
    ],
    [
      "a certificate of an authority that isn't trusted",
      async () => manifest(await certified(1, await createAuthority("another"))),
      "the certificate does not verify against the authorities",
    ],
    ["a key that isn't there", async () => manifest(await certified(), { generation: 3 }), "cannot be read"],
    ["a certificate that is none", async () => manifest("nothing\n"), "cannot be read"],
  ])("%s is refused before anything is touched", async (_, wrong, cause) => {
    withUnit();
    report(await host.bootstrap("apply", manifest(await certified())));
    const refused = await wrong();
    const before = host.snapshot();
    const { status, stderr } = await host.bootstrap("apply", refused);
    expect(status).toBe(1);
    expect(stderr).toContain("check 'key, certificate and authorities belong together' failed");
    expect(stderr).toContain(cause);
    expect(host.snapshot()).toEqual(before);
  });

  test("that drifted is found, and mended by the next start of its unit", async () => {
    withUnit();
    const wanted = manifest(await certified());
    report(await host.bootstrap("apply", wanted));
    const verify = () => host.exec(host.root + wanted.verify[0]!.argv.join(" "));
    expect(await verify()).toMatchObject({ status: 0 });
    const good = leaf();
    host.write(paths.leaf, "tampered", 0o600);
    expect(await verify()).toMatchObject({
      status: 1,
      stderr: `${paths.leaf} is not the certificate and its key, for group root\n`,
    });
    host.write(paths.leaf, good, 0o644);
    expect((await verify()).status).toBe(1);
    await host.exec(`systemctl restart ${PKI_UNIT}`);
    expect(await verify()).toMatchObject({ status: 0 });
  });

  test("may be read by a group", async () => {
    withUnit();
    // Without privileges a file can only be given to a group of one's own.
    const group = process.getuid?.() === 0 ? "daemon" : (await host.exec("id -gn")).stdout.trim();
    report(await host.bootstrap("apply", manifest(await certified(), { group })));
    expect((await host.exec(`stat -c '%a %G' ${host.root}${paths.leaf}`)).stdout).toBe(`640 ${group}\n`);
  });

  test("has its group made when the host has none", async () => {
    const certificate = await certified();
    const { argv } = manifest(certificate, { group: "crossborder-nobody" }).verify[0]!;
    host.write(paths.certificate, certificate);
    host.write("/bin/groupadd", `#!/bin/sh\necho "$*" >&2\nexit 1\n`, 0o755);
    const [, , ...files] = argv;
    const script = join(__dirname, "../../../components/pki/pki-leaf.sh");
    const { status, stderr } = await host.exec(
      `PATH=${host.root}/bin:$PATH sh ${script} assemble ${files.join(" ")}`,
    );
    expect([status, stderr]).toEqual([1, "--system crossborder-nobody\n"]);
    expect(host.exists(paths.leaf)).toBe(false);
  });

  test("goes with all that came with it, and then its key", async () => {
    const before = host.snapshot();
    withUnit();
    const wanted = manifest(await certified());
    // The teardown's commands know no other root than /.
    const teardown = wanted.teardown.map(({ argv, ...rest }) => ({
      ...rest,
      argv: argv.map((word) => word.replace(/^\/etc/, `${host.root}/etc`)),
    }));
    const { generation } = report(await host.bootstrap("apply", { ...wanted, teardown }));
    report(await host.installer(`remove --component pki --generation ${String(generation)} --owner owner`));
    expect(host.exists(paths.leaf)).toBe(false);
    expect(host.exists(keyPath(name, 1))).toBe(true);
    host.hook(undefined);
    await key("remove", keyPath(name, 1));
    expect(Object.keys(host.snapshot()).filter((path) => !(path in before))).toEqual([]);
  });
});

test("the manifest, as a whole", () => {
  const { files, ...rest } = manifest("CERTIFICATE\n", { authorities: ["ONE\n", "TWO\n"], group: "proxy" });
  expect(files.map(({ path, mode }) => [path, mode])).toEqual([
    ["/usr/local/lib/crossborder/pki-leaf", "0755"],
    ["/etc/crossborder/pki/la-gw1/certificate.pem", "0644"],
    ["/etc/crossborder/pki/la-gw1/authorities.pem", "0644"],
    ["/etc/systemd/system/crossborder-pki.service", "0644"],
  ]);
  expect(files.slice(1).map(({ content }) => content)).toMatchSnapshot();
  expect(rest).toMatchSnapshot();
});
