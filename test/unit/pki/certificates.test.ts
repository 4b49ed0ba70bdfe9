import { type Authority, AUTHORITY_LIFE_DAYS, createAuthority } from "../../../providers/pki/authority";
import { issueLeaf, type Leaf, type LeafRequest, publicKeyOf } from "../../../providers/pki/leaf";
import { below, daysLater, NOW, Workshop } from "./fixtures";

jest.setTimeout(60_000);

const name = "la-gw1.crossborder.internal";
const workshop = new Workshop();
let authority: Authority;
let request: string;

beforeAll(async () => {
  authority = await createAuthority("crossborder authority 1", NOW);
  request = workshop.request();
});
afterAll(() => workshop.remove());

const issue = (set: Partial<LeafRequest> = {}, now = NOW): Promise<Leaf> =>
  issueLeaf({ authority, request, dnsName: name, lifeDays: 90, ...set }, now);

describe("an authority", () => {
  test("may sign certificates and revocation lists, and no other authority", () => {
    const text = workshop.text(authority.certificate);
    expect(text).toContain("NIST CURVE: P-256");
    expect(text).toMatch(/Subject: CN ?= ?crossborder authority 1\n/);
    expect(below(text, "X509v3 Basic Constraints: critical")).toBe("CA:TRUE, pathlen:0");
    expect(below(text, "X509v3 Key Usage: critical")).toBe("Certificate Sign, CRL Sign");
    expect(below(text, "X509v3 Subject Key Identifier")).toMatch(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
  });

  test("lives for ten years, from an hour ago", () => {
    const text = workshop.text(authority.certificate);
    expect(authority).toMatchObject({
      notBefore: "2026-01-15T11:00:00.000Z",
      notAfter: daysLater(AUTHORITY_LIFE_DAYS).toISOString().replace(".500", ".000"),
    });
    expect(text).toContain("Not Before: Jan 15 11:00:00 2026 GMT");
    expect(text).toContain("Not After : Jan 13 12:00:00 2036 GMT");
  });

  test("has a key of its own, which fits its certificate", async () => {
    workshop.write("authority-key.pem", authority.privateKey);
    workshop.write("authority.pem", authority.certificate);
    expect(workshop.openssl("pkey", "-in", "authority-key.pem", "-pubout")).toBe(
      workshop.openssl("x509", "-in", "authority.pem", "-noout", "-pubkey"),
    );
    expect((await createAuthority("crossborder authority 1", NOW)).privateKey).not.toBe(authority.privateKey);
  });

  test.each(["", "x".repeat(65), "two\nlines"])("cannot be named %j", async (commonName) => {
    await expect(createAuthority(commonName)).rejects.toThrow("must be 1 to 64 printable ASCII characters");
  });
});

describe("a leaf", () => {
  test("is what a strict peer accepts as server and as client, from an hour ago until its end", async () => {
    const { certificate } = await issue();
    const judged = (at: Date, host = name) => workshop.verify(authority.certificate, certificate, host, at);
    expect(judged(NOW)).toBe("");
    expect(judged(new Date(NOW.getTime() - 3_599_000))).toBe("");
    expect(judged(daysLater(89.9))).toBe("");
    expect(judged(new Date(NOW.getTime() - 3_602_000))).toContain("not yet valid");
    expect(judged(daysLater(90.1))).toContain("has expired");
    expect(judged(NOW, "sg-gw1.crossborder.internal")).toMatch(/hostname mismatch/i);
  });

  test("says what we say, whatever the request says", async () => {
    const claims = workshop.requestAgain(
      "-addext",
      "subjectAltName=DNS:sg-gw1.crossborder.internal",
      "-addext",
      "basicConstraints=critical,CA:TRUE",
    );
    const text = workshop.text((await issue({ request: claims })).certificate);
    expect(text).toMatch(/Subject: CN ?= ?la-gw1\.crossborder\.internal\n/);
    expect(text).not.toContain("whoever");
    expect(below(text, "X509v3 Subject Alternative Name")).toBe(`DNS:${name}`);
    expect(below(text, "X509v3 Basic Constraints: critical")).toBe("CA:FALSE");
    expect(below(text, "X509v3 Key Usage: critical")).toBe("Digital Signature");
    expect(below(text, "X509v3 Extended Key Usage")).toBe(
      "TLS Web Server Authentication, TLS Web Client Authentication",
    );
    expect(below(text, "X509v3 Authority Key Identifier")).toBe(
      below(workshop.text(authority.certificate), "X509v3 Subject Key Identifier"),
    );
    expect(text.match(/X509v3 [A-Z].*:/g)).toHaveLength(6);
  });

  test("tells its own life and serial, which is 16 bytes and random", async () => {
    const leaf = await issue();
    expect(leaf).toMatchObject({
      notBefore: "2026-01-15T11:00:00.000Z",
      notAfter: "2026-04-15T12:00:00.000Z",
    });
    workshop.write("leaf.pem", leaf.certificate);
    expect(workshop.openssl("x509", "-in", "leaf.pem", "-noout", "-serial", "-enddate")).toBe(
      `serial=${leaf.serial.toUpperCase()}\nnotAfter=Apr 15 12:00:00 2026 GMT\n`,
    );
    const serials = await Promise.all(Array.from({ length: 20 }, () => issue()));
    expect(new Set(serials.map(({ serial }) => serial)).size).toBe(20);
    // Between 40 and 7f, the first byte is neither a sign nor a zero that DER would drop.
    for (const { serial } of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  test("does not outlive its authority", async () => {
    const late = daysLater(AUTHORITY_LIFE_DAYS - 10);
    expect((await issue({}, late)).notAfter).toBe(authority.notAfter);
    await expect(issue({}, daysLater(AUTHORITY_LIFE_DAYS))).rejects.toThrow(
      "the authority CN=crossborder authority 1 expired on 2036-01-13T12:00:00.000Z; " +
        "set crossborder:certificates.authority.issue to the number of another",
    );
  });

  test("is not trusted by those who trust another authority of the same name", async () => {
    const other = await createAuthority("crossborder authority 1", NOW);
    const { certificate } = await issue();
    expect(workshop.verify(other.certificate, certificate, name, NOW)).not.toBe("");
    expect(workshop.verify(other.certificate + authority.certificate, certificate, name, NOW)).toBe("");
  });
});

describe("what is refused", () => {
  const sent = (pem: string): Promise<Leaf> => issue({ request: pem });

  test("a request whose signature is not made with its key", async () => {
    const der = Buffer.from(request.replace(/-----.*-----|\n/g, ""), "base64");
    der[der.length - 1]! ^= 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(sent(forged)).rejects.toThrow("is not signed with its own key");
  });

  test.each([
    ["another curve", ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]],
    ["RSA", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]],
    ["Ed25519", ["ED25519"]],
  ])("a key of %s", async (_, algorithm) => {
    const other = new Workshop();
    try {
      await expect(sent(other.request(algorithm))).rejects.toThrow("must be an elliptic-curve key on P-256");
    } finally {
      other.remove();
    }
  });

  test.each(["", "no request", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"])("%j for a request", async (text) => {
    await expect(sent(text)).rejects.toThrow("is not PKCS#10 in PEM");
    expect(publicKeyOf(text)).toBeUndefined();
  });

  test("a certificate for a request", async () => {
    await expect(sent(authority.certificate)).rejects.toThrow("is not PKCS#10 in PEM");
  });

  test.each(["", "La-Gw1", "a..b", "-a", "*.crossborder.internal", "a, O=b", `${"a.".repeat(40)}b`])(
    "%j for a name",
    async (dnsName) => {
      await expect(issue({ dnsName })).rejects.toThrow("must be a DNS name in small letters");
    },
  );

  test("an authority's key that is not the one of its certificate", async () => {
    const { privateKey } = await createAuthority("another", NOW);
    await expect(issue({ authority: { ...authority, privateKey } })).rejects.toThrow(
      "the authority's private key does not belong to its certificate",
    );
  });
});

test("requests for one key have the same public key, however they are signed", () => {
  const again = workshop.requestAgain();
  expect(again).not.toBe(workshop.requestAgain());
  expect(publicKeyOf(again)).toBe(publicKeyOf(request));
  expect(publicKeyOf(workshop.request())).not.toBe(publicKeyOf(again));
});
