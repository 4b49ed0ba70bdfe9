import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { HostConfiguration } from "../../../components/host/configuration";
import { DIAL_ERROR_LIMIT, PER_DIAL_TIMEOUT_SECONDS } from "../../../components/host/connection";
import { generationOf, installerSource } from "../../../components/host/installer";
import type { SshConnection } from "../../../providers/ssh/session";
import { connectionTo, hostOf, manifestOf, privateKey, requestOf } from "./fixtures";
import { named, plain, recordRegistrations, type Registered, Secret, valueOf, visible } from "./recorder";

const secret = "a-secret-in-a-file-of-mode-0600";

async function configured(
  set: { secret?: string; connection?: Partial<SshConnection>; phase?: "apply" | "stage" } = {},
  options?: pulumi.CustomResourceOptions,
): Promise<{ resource: Registered; configuration: HostConfiguration }> {
  const registrations = await recordRegistrations();
  const configuration = new HostConfiguration(
    "thing-la",
    {
      host: hostOf("la-gw1", set.connection),
      component: "thing",
      manifest: manifestOf("thing", set.secret ?? secret),
      phase: set.phase ?? "apply",
    },
    options,
  );
  await valueOf(configuration.resource.urn);
  return { resource: named(await registrations(), "thing-la"), configuration };
}

test("one remote command carries manifest and installer over its standard input", async () => {
  const { resource } = await configured({ phase: "stage" });
  expect(resource.type).toBe("command:remote:Command");
  expect(resource.inputs["stdin"]).toBeInstanceOf(Secret);
  expect(requestOf(resource)).toEqual({
    op: "stage",
    owner: "thing-la",
    generation: generationOf(manifestOf("thing", secret)),
    manifest: manifestOf("thing", secret),
    installer: installerSource(),
  });
});

test("it has no inputs but those that are known to be safe: no triggers, no environment, no output that feeds back", async () => {
  const { resource } = await configured();
  const { connection, stdin, create, update, delete: remove, ...rest } = resource.inputs;
  expect([connection, stdin, create, update, remove].every((value) => value !== undefined)).toBe(true);
  expect(rest).toEqual({ logging: "none", addPreviousOutputInEnv: false });
  expect(update).toBe(create);
  expect(resource.deleteBeforeReplace).toBe(true);
});

test("nothing that is visible holds a secret", async () => {
  const { resource, configuration } = await configured();
  expect(resource.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdin", "connection"]));
  expect(visible(resource)).not.toContain(secret);
  expect(visible(resource)).not.toContain(privateKey);
  expect(await pulumi.isSecret(configuration.generation)).toBe(false);
});

test("the connection is a secret and pins the host's key", async () => {
  const { resource } = await configured();
  expect(resource.inputs["connection"]).toBeInstanceOf(Secret);
  expect(plain(resource.inputs["connection"])).toEqual({
    ...connectionTo("la-gw1"),
    perDialTimeout: PER_DIAL_TIMEOUT_SECONDS,
    dialErrorLimit: DIAL_ERROR_LIMIT,
  });
});

test("a dead host is given up within a minute, a busy one has half a dozen attempts", () => {
  expect((DIAL_ERROR_LIMIT + 1) * PER_DIAL_TIMEOUT_SECONDS).toBeLessThanOrEqual(57);
  expect(DIAL_ERROR_LIMIT).toBeGreaterThanOrEqual(6);
});

test("the stored delete names component, owner and generation", async () => {
  const { resource, configuration } = await configured();
  const generation = await valueOf(configuration.generation);
  expect(generation).toBe(requestOf(resource).generation);
  expect(resource.inputs["delete"]).toContain(
    `remove --component 'thing' --owner 'thing-la' --generation '${generation}'`,
  );
});

test("a changed file changes the delete and the standard input, and no other input", async () => {
  const before = (await configured()).resource.inputs;
  const after = (await configured({ secret: "another-secret-in-that-file" })).resource.inputs;
  const differing = Object.keys(before).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  expect(differing.sort()).toEqual(["delete", "stdin"]);
});

test("users other than root become root, to install and to remove", async () => {
  const { resource } = await configured({ connection: { user: "ubuntu" } });
  expect(resource.inputs["create"]).toMatch(/^sudo -n python3 /);
  expect(resource.inputs["delete"]).toContain("then sudo -n python3 ");
  const asRoot = (await configured()).resource.inputs;
  expect([asRoot["create"], asRoot["delete"]].join()).not.toContain("sudo");
});

test("what was staged is known by the command's id, which only a new command changes", async () => {
  const { configuration } = await configured();
  expect(await valueOf(configuration.staged)).toBe("thing-la-id");
});

test("whoever takes its generation waits for the host to have it", async () => {
  const registrations = await recordRegistrations();
  const { generation } = new HostConfiguration("thing-la", {
    host: hostOf("la-gw1"),
    component: "thing",
    manifest: manifestOf("thing", secret),
    phase: "stage",
  });
  const after = new command.local.Command("after", { create: generation });
  await valueOf(after.urn);
  expect(named(await registrations(), "after").dependencies).toEqual(["thing-la"]);
});

test("parent, provider, aliases and dependencies of the caller are kept", async () => {
  const registrations = await recordRegistrations();
  const parent = new pulumi.ComponentResource("test:index:Parent", "parent");
  const provider = new command.Provider("own");
  const other = new command.local.Command("other", {});
  const { resource } = new HostConfiguration(
    "thing-la",
    { host: hostOf("la-gw1"), component: "thing", manifest: manifestOf("thing", secret), phase: "apply" },
    {
      parent,
      provider,
      aliases: [{ name: "former" }],
      dependsOn: other,
      additionalSecretOutputs: ["stdout"],
    },
  );
  await valueOf(resource.urn);
  const registered = named(await registrations(), "thing-la");
  expect(registered).toMatchObject({
    parent: "parent",
    provider: "own",
    aliases: ["former"],
    deleteBeforeReplace: true,
  });
  expect(registered.dependencies).toContain("other");
  expect(registered.additionalSecretOutputs).toEqual(expect.arrayContaining(["stdin", "stdout"]));
});

test("a machine that took the host's place has everything run again, and its stage is another; nothing is removed first", async () => {
  const on = async (machine: number) => {
    const registrations = await recordRegistrations();
    const configuration = new HostConfiguration("thing-la", {
      host: { ...hostOf("la-gw1"), machine },
      component: "thing",
      manifest: manifestOf("thing", secret),
      phase: "stage",
    });
    const known = await Promise.all(
      [configuration.generation, configuration.staged, configuration.fingerprint].map(valueOf),
    );
    return { known, inputs: named(await registrations(), "thing-la").inputs };
  };
  const [first, third] = [await on(1), await on(3)];
  expect(third.inputs["create"]).toBe(`: machine 3; ${first.inputs["create"] as string}`);
  expect(third.inputs["update"]).toBe(third.inputs["create"]);
  expect(third.inputs["delete"]).toBe(first.inputs["delete"]);
  const [generation, staged, fingerprint] = first.known;
  expect(fingerprint).toBe(generation);
  expect(third.known).toEqual([generation, `${staged}.3`, `${generation}.3`]);
});
