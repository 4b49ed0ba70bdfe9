import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { loadSettings } from "../../../settings/load";
import { publicKeyOf } from "../../../providers/identity/keys";
import { SettingsError } from "../../../settings/parse";
import { gcpSettings, privateKey, validSettings } from "./fixtures";

let directory: string;
let warned: jest.SpyInstance;

const machine = {
  host: "127.0.0.1",
  port: 2211,
  user: "root",
  hostKey: "ssh-ed25519 AAAAC3Nz",
  privateKeyFile: "keys.pem",
};
const connection = {
  host: "127.0.0.1",
  port: 2211,
  user: "root",
  hostKey: "ssh-ed25519 AAAAC3Nz",
  privateKey,
};

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "settings-"));
  writeFileSync(join(directory, "keys.pem"), privateKey);
  writeFileSync(join(directory, "public.pem"), publicKeyOf(privateKey));
  await pulumi.runtime.setMocks(
    { call: () => ({}), newResource: () => ({ id: "", state: {} }) },
    "crossborder",
  );
  warned = jest.spyOn(pulumi.log, "warn").mockResolvedValue();
});

afterEach(() => {
  warned.mockRestore();
  rmSync(directory, { recursive: true });
});

function file(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** Loads settings whose gateways are described by these files. */
function load(la: string, sg: string, set: Record<string, unknown> = {}) {
  const settings = { ...validSettings(), ...set };
  const sites = settings["sites"] as Record<string, { existing: { gateways: Record<string, unknown>[] } }>;
  for (const [site, connectionFile] of Object.entries({ la, sg })) {
    const [gateway] = sites[site]!.existing.gateways;
    delete gateway!["connection"];
    gateway!["connectionFile"] = connectionFile;
  }
  pulumi.runtime.setAllConfig(
    Object.fromEntries([
      ["other:primary", "another program's"],
      ...Object.entries(settings).map(([key, value]) => [
        `crossborder:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ]),
  );
  return loadSettings();
}

function errors(la: string, sg: string, set?: Record<string, unknown>): readonly string[] {
  try {
    load(la, sg, set);
  } catch (error) {
    if (error instanceof SettingsError) return error.errors;
    throw error;
  }
  return [];
}

const key = (site: string): string => `crossborder:sites.${site}.existing.gateways[0].connectionFile is`;

test("connections come from files of one machine or of several, with keys beside the file", () => {
  const one = file("one.json", machine);
  const several = file("several.json", { machines: { sg: { ...machine, port: 2212 } } });
  expect(load(one, `${several}#sg`).connections).toEqual({
    "la-gw1": connection,
    "sg-gw1": { ...connection, port: 2212 },
  });
});

test("every file that cannot be used is named, with its gateway and the cause", () => {
  const inventory = file("inventory.json", { machines: { la: machine } });
  const missing = join(directory, "missing.json");
  const found = errors(missing, `${inventory}#sg`);
  expect(found).toHaveLength(2);
  expect(found[0]).toContain(`${key("la")} "${missing}"; it must be a readable connection file: `);
  expect(found[0]).toContain("ENOENT");
  expect(found[1]).toContain(`${key("sg")} "${inventory}#sg"`);
  expect(found[1]).toContain("it has no machine sg");
});

test.each([
  [
    "a machine that lacks its host key",
    { ...machine, hostKey: undefined },
    "it lacks host, port, user, hostKey",
  ],
  [
    "an inventory where one machine was meant",
    { machines: { la: machine } },
    "it lacks host, port, user, hostKey",
  ],
  ["no JSON", "not JSON", "JSON"],
  [
    "a file without a private key",
    { ...machine, privateKeyFile: "public.pem" },
    "public.pem: the SSH private key cannot be read: it is a public key",
  ],
  ["a key that is not there", { ...machine, privateKeyFile: "gone.pem" }, "gone.pem"],
])("%s is refused", (_, content, cause) => {
  const wrong = file("wrong.json", content);
  const found = errors(wrong, file("right.json", machine));
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(key("la"));
  expect(found[0]).toContain(cause);
});

test("settings that are wrong in themselves are told before any file is read", () => {
  const found = errors(join(directory, "missing.json"), file("right.json", machine), { primary: "ny" });
  expect(found).toEqual([expect.stringContaining("crossborder:primary")]);
});

test("warnings are logged, not thrown", () => {
  const one = file("one.json", machine);
  load(one, one, {
    link: { ipsec: { profile: "legacy", acknowledgeWeakCrypto: true } },
    gate: { budgetMs: 190 },
  });
  expect(warned.mock.calls.flat().join("\n")).toContain("legacy");
});

describe("with a site that is made in a cloud", () => {
  const loadStack = async (
    stack: string,
    environment: Record<string, string>,
  ): Promise<readonly string[]> => {
    await pulumi.runtime.setMocks(
      { call: () => ({}), newResource: () => ({ id: "", state: {} }) },
      "crossborder",
      stack,
    );
    pulumi.runtime.setAllConfig(
      Object.fromEntries(
        Object.entries(gcpSettings()).map(([key, value]) => [
          `crossborder:${key}`,
          typeof value === "string" ? value : JSON.stringify(value),
        ]),
      ),
    );
    const before = process.env;
    process.env = { CLOUDSDK_CONFIG: directory, ...environment };
    try {
      expect(loadSettings().stack).toBe(stack);
      return [];
    } catch (error) {
      if (error instanceof SettingsError) return error.errors;
      throw error;
    } finally {
      process.env = before;
    }
  };

  test("a stack's name that can't be a part of others and missing credentials are told together", async () => {
    const errors = await loadStack("us_production", {});
    expect(errors).toEqual([
      expect.stringContaining(
        'The stack\'s name is "us_production"; with a site or a name that is made in a cloud',
      ),
      expect.stringContaining("crossborder:sites.la.gcp needs credentials of Google Cloud"),
    ]);
  });

  test("a plain name and credentials are enough", async () => {
    expect(await loadStack("prod", { GOOGLE_CREDENTIALS: "{}" })).toEqual([]);
  });
});
