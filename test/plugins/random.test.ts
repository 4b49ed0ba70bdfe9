import { createProject, type PulumiProject } from "../support/pulumiProject";

// These tests hold for Pulumi's own plugin as well: CROSSBORDER_PLUGINS=official npm test -- plugins.

jest.setTimeout(180_000);

let project: PulumiProject;

beforeEach(async () => {
  project = await createProject();
});

afterEach(() => project.remove());

const everything = `
const password = new random.RandomPassword("password", { length: 40, ...inputs.password });
const id = new random.RandomId("id", { byteLength: 8, prefix: "la-", ...inputs.id });
const bytes = new random.RandomBytes("bytes", { length: 32, ...inputs.bytes });
exports.password = password.result;
exports.hash = password.bcryptHash;
exports.id = { hex: id.hex, dec: id.dec, b64Std: id.b64Std, b64Url: id.b64Url };
exports.bytes = { hex: bytes.hex, base64: bytes.base64 };
`;

interface Values {
  readonly password: string;
  readonly hash: string;
  readonly id: {
    readonly hex: string;
    readonly dec: string;
    readonly b64Std: string;
    readonly b64Url: string;
  };
  readonly bytes: { readonly hex: string; readonly base64: string };
}

async function deploy(inputs: unknown): Promise<Values> {
  expect(await project.up(everything, inputs)).toMatchObject({ status: 0 });
  return (await project.outputs()) as unknown as Values;
}

it("makes values of the right form, keeps them over updates, and replaces them when a keeper changes", async () => {
  const first = await deploy({ password: { keepers: { generation: "1" } } });
  expect(first.password).toHaveLength(40);
  expect(first.hash).toMatch(/^\$2[aby]\$10\$/);
  const number = first.id.hex.replace(/^la-/, "");
  expect(number).toMatch(/^[0-9a-f]{16}$/);
  expect(first.id).toEqual({
    hex: `la-${number}`,
    dec: `la-${BigInt(`0x${number}`)}`,
    b64Std: `la-${Buffer.from(number, "hex").toString("base64")}`,
    b64Url: `la-${Buffer.from(number, "hex").toString("base64url")}`,
  });
  expect(first.bytes.hex).toMatch(/^[0-9a-f]{64}$/);
  expect(first.bytes.base64).toBe(Buffer.from(first.bytes.hex, "hex").toString("base64"));

  expect(await deploy({ password: { keepers: { generation: "1" } } })).toEqual(first);

  const next = await deploy({ password: { keepers: { generation: "2" } }, bytes: { keepers: { n: "1" } } });
  expect(next.password).not.toBe(first.password);
  expect(next.bytes).not.toEqual(first.bytes);
  expect(next.id).toEqual(first.id);
});

it("keeps secrets out of the state and of what is shown", async () => {
  const result = await project.up(everything, {});
  const { password, hash, bytes } = (await project.outputs()) as unknown as Values;
  const state = await project.state();
  for (const secret of [password, hash, bytes.hex, bytes.base64]) {
    // JSON escapes some of the characters that a password may have.
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) {
      expect(state).not.toContain(form);
      expect(result.stdout + result.stderr).not.toContain(form);
    }
  }
});

it("honours the classes of characters", async () => {
  const { password } = await deploy({
    password: { length: 12, upper: false, lower: false, overrideSpecial: "-", minSpecial: 11, minNumeric: 1 },
  });
  expect([...password].sort().join("")).toMatch(/^-{11}\d$/);
});

it.each([
  ["more required characters than there is room for", { length: 4, minUpper: 3, minLower: 2 }, "length"],
  ["no characters at all", { length: 0 }, "length"],
])("refuses a password of %s", async (_case, password, property) => {
  const result = await project.up(everything, { password });
  expect(result.status).not.toBe(0);
  expect(result.stdout + result.stderr).toContain(property);
});

const ownProvider = process.env["CROSSBORDER_PLUGINS"] === "official" ? describe.skip : describe;

ownProvider("the project's own provider", () => {
  it.each([
    [
      "an option",
      `new pulumi.CustomResource("random:index/randomBytes:RandomBytes", "bytes", { length: 1, colour: "blue" });`,
      "`colour` is not an option",
    ],
    ["a type", `new random.RandomPet("pet");`, "has no random:index/randomPet:RandomPet"],
  ])("refuses %s that it does not have, by name", async (_case, program, complaint) => {
    const result = await project.up(program);
    expect(result.status).not.toBe(0);
    expect(result.stdout + result.stderr).toContain(complaint);
  });
});
