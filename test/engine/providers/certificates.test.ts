import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Workshop } from "../../unit/pki/fixtures";
import { Project } from "./project";

jest.setTimeout(600_000);

const program = `
import { readFileSync } from "node:fs";
import { CertificateAuthority } from "./providers/certificateAuthority";
import { LeafCertificate } from "./providers/leafCertificate";

const { authorities, issue, request } = JSON.parse(readFileSync("inputs.json", "utf8"));
const made = Object.fromEntries(
  authorities.map((name: string) => [name, new CertificateAuthority(name, { commonName: name })]),
);
const dnsName = "la-gw1.crossborder.internal";
const leaf = new LeafCertificate("leaf", { authority: made[issue], request, dnsName });

export const trusted = authorities.map((name: string) => made[name].certificate);
export const { certificate, serial, notBefore, notAfter } = leaf;
export const key = made[issue].privateKey;
`;

const project = new Project();
const workshop = new Workshop();
const name = "la-gw1.crossborder.internal";
const request = workshop.request();

interface Outputs {
  readonly trusted: readonly string[];
  readonly certificate: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

const outputs = async (): Promise<Outputs> => (await project.outputs()) as unknown as Outputs;
const give = (authorities: readonly string[], issue: string, pem = request): void =>
  project.inputs({ authorities, issue, request: pem });

/** Lets the stored leaf look as if it were made so many days earlier. */
async function age(days: number): Promise<void> {
  const file = join(project.directory, "exported.json");
  expect(await project.pulumi("stack", "export", "--file", file)).toMatchObject({ status: 0 });
  const exported = JSON.parse(readFileSync(file, "utf8")) as {
    deployment: { resources: { urn: string; outputs: Record<string, string> }[] };
  };
  const leaf = exported.deployment.resources.find(({ urn }) => urn.endsWith("::leaf"))!;
  for (const end of ["notBefore", "notAfter"]) {
    const earlier = Date.parse(leaf.outputs[end]!) - days * 86_400_000;
    leaf.outputs[end] = new Date(earlier).toISOString();
  }
  project.write("exported.json", JSON.stringify(exported));
  expect(await project.pulumi("stack", "import", "--file", file)).toMatchObject({ status: 0 });
}

beforeAll(() => project.create(program));
afterAll(() => {
  project.remove();
  workshop.remove();
});

test("the life of an authority and a leaf, with the real engine", async () => {
  give(["one"], "one");
  expect(await project.up()).toMatchObject({ status: 0 });
  const first = await outputs();
  expect(workshop.verify(first.trusted.join(""), first.certificate, name, new Date())).toBe("");

  // Nothing changed, not even when the same key was asked for again: nothing is issued.
  expect(await project.preview()).toEqual({});
  give(["one"], "one", workshop.requestAgain());
  expect(await project.preview()).toEqual({});
  expect(await project.up()).toMatchObject({ status: 0 });
  expect((await outputs()).serial).toBe(first.serial);
  expect(await project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")).toMatchObject({
    status: 0,
  });

  // Before two thirds of its life nothing happens; after them a refresh is clean, and a deployment renews it in place.
  await age(59);
  expect(await project.preview()).toEqual({});
  await age(2);
  expect(await project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")).toMatchObject({
    status: 0,
  });
  expect(await project.preview()).toEqual({ leaf: "update" });
  expect(await project.pulumi("up", "--yes", "--skip-preview", "--refresh")).toMatchObject({ status: 0 });
  const renewed = await outputs();
  expect(renewed.serial).not.toBe(first.serial);
  expect(renewed.trusted).toEqual(first.trusted);
  expect(Date.parse(renewed.notAfter)).toBeGreaterThanOrEqual(Date.parse(first.notAfter));
  expect(await project.preview()).toEqual({});

  // Another authority comes beside the first, takes over, and then is alone.
  give(["one", "two"], "one");
  expect(await project.preview()).toEqual({ two: "create" });
  expect(await project.up()).toMatchObject({ status: 0 });
  const both = await outputs();
  expect(both.serial).toBe(renewed.serial);
  give(["one", "two"], "two");
  expect(await project.preview()).toEqual({ leaf: "update" });
  expect(await project.up()).toMatchObject({ status: 0 });
  const { certificate } = await outputs();
  expect(workshop.verify(both.trusted[1]!, certificate, name, new Date())).toBe("");
  expect(workshop.verify(both.trusted[0]!, certificate, name, new Date())).not.toBe("");
  give(["two"], "two");
  expect(await project.preview()).toEqual({ one: "delete" });
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.preview()).toEqual({});

  // No authority's key is in the clear, neither in the state nor in what the CLI says.
  expect(project.state()).not.toContain("PRIVATE KEY");
  expect((await project.pulumi("stack", "output")).stdout).not.toContain("PRIVATE KEY");
  expect((await project.pulumi("stack", "output", "key", "--show-secrets")).stdout).toContain("PRIVATE KEY");
  expect(await project.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ status: 0 });
});
