import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Certificates, type CertificatesArgs } from "../../../components/pki/certificates";
import { certificatePaths } from "../../../components/pki/paths";
import { parseSettings } from "../../../settings/parse";
import { validSettings } from "../settings/fixtures";
import { fileOf, hostOf, privateKey, requestOf } from "./fixtures";
import { named, plain, recordRegistrations, type Registered, Secret, valueOf, visible } from "./recorder";

const authorityKey = "an-authority's-key-that-nobody-may-see";

/** What the providers answer; each value tells whose it is. */
function answer(type: string, name: string): Record<string, unknown> {
  if (type.endsWith(":CertificateAuthority")) {
    return { certificate: `certificate of ${name}\n`, privateKey: authorityKey };
  }
  if (type.endsWith(":LeafCertificate")) {
    return {
      certificate: `certificate of ${name}\n`,
      serial: `serial of ${name}`,
      notBefore: "then",
      notAfter: "later",
    };
  }
  return type === "command:remote:Command" ? { stdout: pulumi.secret(`request of ${name}`) } : {};
}

async function certified(
  set: Record<string, unknown> = {},
  args: Partial<CertificatesArgs> = {},
): Promise<{ certificates: Certificates; all: readonly Registered[] }> {
  const registrations = await recordRegistrations(answer);
  const certificates = new Certificates("certificates", {
    hosts: [hostOf("la-gw1"), hostOf("sg-gw1", { user: "ubuntu" })],
    certificates: parseSettings({ ...validSettings(), certificates: set }).certificates,
    ...args,
  });
  await Promise.all([
    valueOf(certificates.authorities),
    ...certificates.leaves.flatMap(({ serial, notAfter }) => [valueOf(serial), valueOf(notAfter)]),
  ]);
  return { certificates, all: await registrations() };
}

test("its children carry its name and are parented to it", async () => {
  const { all } = await certified();
  expect(all.map(({ type, name, parent }) => [type, name, parent])).toEqual(
    expect.arrayContaining([
      ["crossborder:index:Certificates", "certificates", ""],
      ["pulumi-nodejs:dynamic/crossborder:CertificateAuthority", "certificates-authority-1", "certificates"],
      ...["la-gw1", "sg-gw1"].flatMap((host) => [
        ["command:remote:Command", `certificates-${host}-key-1`, "certificates"],
        ["pulumi-nodejs:dynamic/crossborder:LeafCertificate", `certificates-${host}-leaf`, "certificates"],
        ["command:remote:Command", `certificates-${host}`, "certificates"],
      ]),
    ]),
  );
  expect(all).toHaveLength(8);
});

test("a host's key is made there, and removed there, by one script over standard input", async () => {
  const { all } = await certified();
  const { inputs, deleteBeforeReplace } = named(all, "certificates-la-gw1-key-1");
  const path = "/etc/crossborder/pki/la-gw1/key-1.pem";
  expect(inputs).toMatchObject({
    create: `sh -s 'make' '${path}' 'la-gw1.crossborder.internal'`,
    update: inputs["create"],
    delete: `sh -s 'remove' '${path}'`,
    stdin: expect.stringContaining("openssl genpkey"),
    logging: "none",
    addPreviousOutputInEnv: false,
  });
  expect(deleteBeforeReplace).toBe(true);
  expect(inputs["connection"]).toBeInstanceOf(Secret);
  expect(named(all, "certificates-sg-gw1-key-1").inputs["create"]).toMatch(/^sudo -n sh -s 'make' /);
});

test("each leaf is issued for its own host's request", async () => {
  const { all } = await certified({ lifeDays: 30 });
  for (const host of ["la-gw1", "sg-gw1"]) {
    const { inputs } = named(all, `certificates-${host}-leaf`);
    expect(plain(inputs)).toMatchObject({
      authorityCertificate: "certificate of certificates-authority-1\n",
      authorityKey,
      request: `request of certificates-${host}-key-1`,
      dnsName: `${host}.crossborder.internal`,
      lifeDays: 30,
    });
    expect(inputs["request"]).not.toBeInstanceOf(Secret);
    expect(inputs["__provider"]).toContain("providers/pki/leafProvider.ts");
  }
});

test("each host is given its certificate, the authorities, and no key, by one command", async () => {
  const { all } = await certified({}, { group: "proxy" });
  const request = requestOf(named(all, "certificates-la-gw1"));
  const paths = certificatePaths("la-gw1");
  expect(request).toMatchObject({ op: "apply", manifest: { component: "pki" } });
  expect(fileOf(request, paths.certificate)).toBe("certificate of certificates-la-gw1-leaf\n");
  expect(fileOf(request, paths.authorities)).toBe("certificate of certificates-authority-1\n");
  expect(fileOf(request, "/etc/systemd/system/crossborder-pki.service")).toContain(
    `assemble /etc/crossborder/pki/la-gw1/key-1.pem ${paths.certificate} ${paths.leaf} proxy\n`,
  );
  expect(JSON.stringify(request)).not.toContain(authorityKey);
});

test("nothing that is visible of any resource holds a secret, and what is public isn't one", async () => {
  const { certificates, all } = await certified();
  for (const secret of [authorityKey, privateKey]) {
    expect(all.filter((resource) => visible(resource).includes(secret))).toEqual([]);
  }
  expect(named(all, "certificates-authority-1").additionalSecretOutputs).toEqual(["privateKey"]);
  const [leaf] = certificates.leaves;
  for (const value of [certificates.authorities, leaf!.serial, leaf!.notAfter]) {
    expect(await pulumi.isSecret(value)).toBe(false);
  }
});

test("while an authority rotates both are trusted, by a file that doesn't change when the other issues", async () => {
  const trusted = async (issue: number, trust: number[]) => {
    const { all } = await certified({ authority: { issue, trust } });
    const issuer = named(all, "certificates-sg-gw1-leaf").inputs["authorityCertificate"];
    return [
      issuer,
      fileOf(requestOf(named(all, "certificates-sg-gw1")), certificatePaths("sg-gw1").authorities),
    ];
  };
  const [one, two] = [1, 2].map((number) => `certificate of certificates-authority-${number}\n`);
  expect(await trusted(1, [2])).toEqual([one, one! + two!]);
  expect(await trusted(2, [1])).toEqual([two, one! + two!]);
  expect(await trusted(2, [])).toEqual([two, two]);
});

test("another generation is another key, beside the former", async () => {
  const { all } = await certified({ generation: 2 });
  expect(named(all, "certificates-la-gw1-key-2").inputs["create"]).toContain("/key-2.pem");
  expect(plain(named(all, "certificates-la-gw1-leaf").inputs["request"])).toBe(
    "request of certificates-la-gw1-key-2",
  );
});

test("a leaf tells what a consumer has to know, once the host has it", async () => {
  const registrations = await recordRegistrations(answer);
  const { leaves, hosts } = new Certificates("certificates", {
    hosts: [hostOf("la-gw1")],
    certificates: parseSettings(validSettings()).certificates,
  });
  const [leaf] = leaves;
  expect(leaf).toMatchObject({ host: "la-gw1", dnsName: "la-gw1.crossborder.internal" });
  expect(leaf!.paths).toEqual({
    leaf: "/etc/crossborder/pki/la-gw1/leaf.pem",
    authorities: "/etc/crossborder/pki/la-gw1/authorities.pem",
    certificate: "/etc/crossborder/pki/la-gw1/certificate.pem",
  });
  const after = new command.local.Command("after", { create: leaf!.serial });
  await valueOf(after.urn);
  const all = await registrations();
  expect(named(all, "after").inputs["create"]).toBe("serial of certificates-la-gw1-leaf");
  expect(named(all, "after").dependencies).toContain("certificates-la-gw1");
  expect(hosts.map(({ component }) => component)).toEqual(["pki"]);
});
