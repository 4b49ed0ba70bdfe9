import * as pulumi from "@pulumi/pulumi";
import { HostConfiguration } from "../../../components/host/configuration";
import { TwoPhaseCommit, type TwoPhaseCommitArgs } from "../../../components/host/twoPhaseCommit";
import { connectionTo, hostOf, manifestOf, privateKey, requestOf } from "./fixtures";
import { named, plain, recordRegistrations, type Registered, Secret, valueOf, visible } from "./recorder";

const secret = "a-secret-in-a-file-of-mode-0600";

async function committed(
  set: Omit<TwoPhaseCommitArgs, "hosts"> = {},
  options: pulumi.CustomResourceOptions = {},
): Promise<{ commit: Registered; all: readonly Registered[] }> {
  const registrations = await recordRegistrations();
  const hosts = ["la-gw1", "sg-gw1"].map(
    (name) =>
      new HostConfiguration(`thing-${name}`, {
        host: hostOf(name),
        component: "thing",
        manifest: manifestOf("thing", `${secret}-${name}`),
        phase: "stage",
      }),
  );
  const { urn } = new TwoPhaseCommit("commit", { hosts, ...set }, options);
  await valueOf(urn);
  const all = await registrations();
  return { commit: named(all, "commit"), all };
}

test("it comes after every stage, and knows what each of them staged", async () => {
  const { commit, all } = await committed();
  expect(commit.type).toBe("pulumi-nodejs:dynamic/crossborder:HostCommit");
  expect(commit.dependencies).toEqual(["thing-la-gw1", "thing-sg-gw1"]);
  expect(commit.inputs["hosts"]).toEqual(
    ["la-gw1", "sg-gw1"].map((name) => ({
      name,
      component: "thing",
      generation: requestOf(named(all, `thing-${name}`)).generation,
      staged: `thing-${name}-id`,
    })),
  );
});

test("each host's own connection goes along as a secret, and nothing visible holds a key", async () => {
  const { commit } = await committed();
  expect(commit.inputs["connections"]).toBeInstanceOf(Secret);
  expect(plain(commit.inputs["connections"])).toEqual({
    "la-gw1": connectionTo("la-gw1"),
    "sg-gw1": connectionTo("sg-gw1"),
  });
  expect(commit.additionalSecretOutputs).toContain("connections");
  expect(visible(commit)).not.toContain(privateKey);
  expect(visible(commit)).not.toContain(secret);
});

test("what is serialised of the provider is a stub that loads its logic when it runs", async () => {
  const { commit } = await committed();
  expect(commit.inputs["__provider"]).toContain("providers/commit/provider.ts");
  expect(commit.inputs["__provider"]).not.toContain("commitTogether");
});

test.each([
  [{}, 90, 80],
  [{ confirmWithinSeconds: 40 }, 40, 30],
  [{ confirmWithinSeconds: pulumi.output(40), readyWithinSeconds: 20 }, 40, 20],
])("with %j it confirms within %i s, of which hosts have %i to be ready", async (set, confirm, ready) => {
  const { commit } = await committed(set);
  expect(commit.inputs).toMatchObject({ confirmWithinSeconds: confirm, readyWithinSeconds: ready });
});

test("options of the caller are kept", async () => {
  const { commit } = await committed({}, { aliases: [{ name: "former" }] });
  expect(commit.aliases).toEqual(["former"]);
});
