import { generateKeyPairSync } from "node:crypto";
import { publicKeyOf } from "../../../providers/identity/keys";
import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import { errorsOf, privateKey, tencentSettings, validSettings, withValue } from "./fixtures";

const lockedKey = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase: "a passphrase" },
}).privateKey;

const gateway = ["sites", "la", "existing", "gateways", 0];

test("valid settings get production's defaults", () => {
  const { link, gate, health, certificates } = parseSettings(validSettings());
  expect(link).toEqual({
    network: "10.255.0.0/30",
    mtu: 1380,
    ipsec: {
      profile: "modern",
      acknowledgeWeakCrypto: false,
      psk: { send: 1, accept: [] },
      dpdDelaySeconds: 10,
      retransmitSeconds: 2,
      retransmitTries: 5,
      ikeRekeyMinutes: 240,
      espRekeyMinutes: 60,
    },
    bfd: { intervalMs: 300, multiplier: 3 },
    bgp: { keepaliveSeconds: 10, holdSeconds: 30, connectRetrySeconds: 1 },
    confirmWithinSeconds: 90,
  });
  expect(gate).toEqual({
    budgetMs: 190,
    lossLimitPercent: 1,
    probes: 200,
    deadlineSeconds: 120,
    measure: "onChange",
  });
  expect(health.intervalSeconds).toBe(15);
  expect(certificates).toEqual({ lifeDays: 90, generation: 1, authority: { issue: 1, trust: [] } });
});

test.each<[string, readonly (string | number)[], unknown, string]>([
  [
    "a number out of range",
    ["link", "bfd"],
    { intervalMs: 10 },
    "crossborder:link.bfd.intervalMs is 10; it must be a whole number of ms from 50 to 10000.",
  ],
  [
    "a word that is no choice",
    ["link", "ipsec"],
    { profile: "rot13" },
    'crossborder:link.ipsec.profile is "rot13"; it must be one of modern, cnsa, legacy.',
  ],
  ["an unknown key", ["link", "colour"], "red", "crossborder:link.colour is not a setting."],
  [
    "an address that is none",
    [...gateway, "privateAddress"],
    "10.10.0.300",
    'crossborder:sites.la.existing.gateways[0].privateAddress is "10.10.0.300"; it must be an IPv4 address such as 198.51.100.10.',
  ],
  [
    "a range that doesn't start at its first address",
    ["sites", "la", "cidr"],
    "10.10.0.1/24",
    'crossborder:sites.la.cidr is "10.10.0.1/24"; it must be an IPv4 range that starts at its first address, such as 10.10.0.0/24.',
  ],
  [
    "a missing budget",
    ["gate"],
    {},
    "crossborder:gate.budgetMs is missing; it must be a number of ms from 0.1 to 2000.",
  ],
  [
    "a site too many",
    ["sites", "fr"],
    (validSettings()["sites"] as Record<string, unknown>)["la"],
    "it must be exactly two sites by name.",
  ],
  [
    "a primary that is no site",
    ["primary"],
    "mars",
    'crossborder:primary is "mars"; it must be one of the sites: la, sg.',
  ],
  [
    "overlapping ranges",
    ["sites", "sg", "cidr"],
    "10.10.0.0/16",
    "crossborder:sites.sg.cidr is 10.10.0.0/16; it must not overlap crossborder:sites.la.cidr, which is 10.10.0.0/24.",
  ],
  [
    "a link network inside a site",
    ["link", "network"],
    "10.20.0.0/30",
    "crossborder:link.network is 10.20.0.0/30; it must not overlap crossborder:sites.sg.cidr, which is 10.20.0.0/24.",
  ],
  [
    "a link network that is no /30",
    ["link", "network"],
    "10.255.0.0/29",
    "crossborder:link.network is 10.255.0.0/29; it must be a /30: one address for each end.",
  ],
  [
    "the same AS on both sides",
    ["sites", "sg", "asn"],
    65010,
    "crossborder:sites.sg.asn is 65010; it must differ from that of la: the link speaks external BGP.",
  ],
  [
    "a gateway outside its site",
    [...gateway, "privateAddress"],
    "10.99.0.2",
    "crossborder:sites.la.existing.gateways[0].privateAddress is 10.99.0.2; it must lie in the site's range 10.10.0.0/24.",
  ],
  [
    "an MTU that doesn't fit the underlay",
    ["link", "mtu"],
    1400,
    "crossborder:link.mtu is 1400; it must be at most 1394: encrypted with profile modern, 1400 bytes make 1468 on an underlay of 1460.",
  ],
  [
    "an MTU above the highest",
    ["link", "mtu"],
    1401,
    "it must be a whole number of bytes from 1280 to 1400.",
  ],
  [
    "weak algorithms without a word",
    ["link", "ipsec"],
    { profile: "legacy" },
    'crossborder:link.ipsec.profile is "legacy", whose algorithms are weak; it needs crossborder:link.ipsec.acknowledgeWeakCrypto: true.',
  ],
  [
    "an authority that is its own other",
    ["certificates", "authority"],
    { issue: 2, trust: [1, 2] },
    "crossborder:certificates.authority.trust has 2, the authority that issues; it must name other authorities.",
  ],
  [
    "a certificate that lives too long",
    ["certificates"],
    { lifeDays: 398 },
    "crossborder:certificates.lifeDays is 398; it must be a whole number of days from 7 to 397.",
  ],
  [
    "a hold time below three keepalives",
    ["link", "bgp"],
    { keepaliveSeconds: 10, holdSeconds: 29 },
    "crossborder:link.bgp.holdSeconds is 29; it must be at least three keepalives, 30 (RFC 4271, section 10).",
  ],
  [
    "a budget that light can't meet",
    ["gate"],
    { budgetMs: 84 },
    "crossborder:gate.budgetMs is 84; it must be at least 94.2: light in vacuum takes that long for the round trip la–sg (14122 km), and 138.3 in straight fibre.",
  ],
  [
    "a gateway without a connection",
    [...gateway, "connection"],
    undefined,
    "crossborder:sites.la.existing.gateways[0] (gw1) must have exactly one of connection and connectionFile.",
  ],
  ["a connection without its key", ["sshPrivateKey"], undefined, "crossborder:sshPrivateKey is missing"],
])("%s is refused in one sentence", (_, path, value, sentence) => {
  const errors = errorsOf(withValue(path, value));
  expect(errors).toContainEqual(expect.stringContaining(sentence));
});

test("all errors are named at once", () => {
  const raw = withValue(["link", "mtu"], 1400);
  raw["primary"] = "mars";
  raw["gate"] = { budgetMs: 84, probes: 1 };
  raw["colour"] = "red";
  const errors = errorsOf(raw);
  expect(errors.map((error) => error.split(/[ :.;]/)[1])).toEqual(["colour", "gate", "primary", "link"]);
});

test("a secret is never repeated in an error", () => {
  const errors = errorsOf(withValue(["webhook"], "gopher://token@example"));
  expect(errors).toEqual(["crossborder:webhook is [secret]; it must be an https URL."]);
});

test.each([
  ["something else", "the key"],
  ["its public half", publicKeyOf(privateKey)],
  ["only a part of it", privateKey.slice(0, -60)],
  ["locked with a passphrase", lockedKey],
])("a login's key that can't be used, %s, is refused in one sentence that doesn't repeat it", (_, value) => {
  const sentence =
    "crossborder:sshPrivateKey is [secret]; it must be a private key in OpenSSH or PEM format, whole and without a passphrase.";
  expect(errorsOf(withValue(["sshPrivateKey"], value))).toEqual([sentence]);
  expect(errorsOf({ ...tencentSettings(), sshPrivateKey: value })).toEqual([sentence]);
});

test("an emulated ocean may be faster than light", () => {
  const raw = withValue(["gate"], { budgetMs: 84 });
  expect(errorsOf({ ...raw, emulated: true })).toEqual([]);
});

test("a budget between the floors is a warning that names both", () => {
  expect(warnings(parseSettings(withValue(["gate"], { budgetMs: 120 })))).toEqual([
    "crossborder:gate.budgetMs is 120, below the 138.3 ms that light takes in straight fibre for the round trip la–sg (94.2 ms in vacuum): no cable can meet it.",
  ]);
  expect(warnings(parseSettings(validSettings()))).toEqual([]);
});

test("weak algorithms and a link without BFD are warned about", () => {
  const raw = withValue(["link"], { bfd: "off", ipsec: { profile: "legacy", acknowledgeWeakCrypto: true } });
  expect(warnings(parseSettings(raw))).toEqual([
    expect.stringContaining("1024-bit group"),
    expect.stringContaining("only after BGP's hold time, 30 s"),
  ]);
});
