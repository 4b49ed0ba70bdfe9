import * as pulumi from "@pulumi/pulumi";
import { FirstBoot, type FirstBootArgs } from "../../../components/firstBoot/firstBoot";
import { FirstConnection } from "../../../components/firstBoot/firstConnection";
import { createBootstrapKey } from "../../../providers/identity/keys";
import { generateKeys } from "../../support/sshServer";
import { named, plain, recordRegistrations, type Registered, visible, valueOf } from "./recorder";

const client = generateKeys();
const bootstrap = createBootstrapKey();
const hostKey = "ssh-ed25519 AAAAown";

function answer(type: string): Record<string, unknown> {
  if (type.endsWith(":BootstrapHostKey")) return { ...bootstrap };
  return type.endsWith(":HostIdentity") ? { hostKey } : {};
}

async function booted(
  args: Partial<FirstBootArgs> = {},
  outOfService?: boolean,
): Promise<{ firstBoot: FirstBoot; firstConnection: FirstConnection; all: readonly Registered[] }> {
  const registrations = await recordRegistrations(answer);
  const firstBoot = new FirstBoot("la-gw1", {
    family: "debian",
    user: "crossborder",
    privateKey: client.privateKey,
    ...args,
  });
  const firstConnection = new FirstConnection("la-gw1", {
    firstBoot,
    address: "192.0.2.1",
    machine: pulumi.output("instance-1"),
    outOfService,
  });
  await Promise.all([valueOf(firstBoot.userData), valueOf(firstConnection.connection)]);
  return { firstBoot, firstConnection, all: await registrations() };
}

test("its children carry its name and are parented to it", async () => {
  const { all } = await booted();
  expect(all.map(({ type, name, parent }) => [type, name, parent])).toEqual([
    ["crossborder:index:FirstBoot", "la-gw1", ""],
    ["crossborder:index:FirstConnection", "la-gw1", ""],
    ["pulumi-nodejs:dynamic/crossborder:BootstrapHostKey", "la-gw1-bootstrap-key", "la-gw1"],
    ["pulumi-nodejs:dynamic/crossborder:HostIdentity", "la-gw1-identity", "la-gw1"],
    ["pulumi-nodejs:dynamic/crossborder:BootstrapKeyRetirement", "la-gw1-bootstrap-key-retirement", "la-gw1"],
  ]);
});

test("the bootstrap key retires after the own key is stored, and the connection comes last", async () => {
  const { all, firstConnection } = await booted();
  expect(named(all, "la-gw1-identity").dependencies).toContain("la-gw1-bootstrap-key");
  expect(named(all, "la-gw1-bootstrap-key-retirement").dependencies).toContain("la-gw1-identity");
  expect(await valueOf(firstConnection.connection)).toEqual({
    host: "192.0.2.1",
    port: 22,
    user: "crossborder",
    privateKey: client.privateKey,
    hostKey,
  });
});

test.each([
  ["debian", "ssh.service"],
  ["rhel", "sshd.service"],
] as const)("a host of the %s family: its unit, port and user", async (family, sshUnit) => {
  const { all } = await booted({ family, sshPort: 2222, user: "operator" });
  for (const name of ["la-gw1-identity", "la-gw1-bootstrap-key-retirement"]) {
    expect(plain(named(all, name).inputs)).toMatchObject({
      address: "192.0.2.1",
      port: 2222,
      user: "operator",
      machine: "instance-1",
      bootstrapKey: bootstrap.publicKey,
      deadlineSeconds: 600,
      sshUnit,
    });
  }
});

test("another machine by its number has a bootstrap key of its own", async () => {
  for (const machine of [undefined, 2]) {
    const { all } = await booted({ machine });
    expect(named(all, "la-gw1-bootstrap-key").replacementTrigger).toBe(machine ?? 1);
  }
});

test("a machine that is out of service is held, and no other is", async () => {
  for (const outOfService of [true, false]) {
    const { all } = await booted({}, outOfService);
    for (const name of ["la-gw1-identity", "la-gw1-bootstrap-key-retirement"]) {
      expect(named(all, name).inputs["hold"]).toBe(outOfService ? true : undefined);
    }
  }
});

test("the machine lets in whoever has the deployment's key, or an operator's", async () => {
  const { firstBoot } = await booted({ authorizedKeys: ["ssh-ed25519 AAAAoperator"] });
  const config = JSON.parse((await valueOf(firstBoot.userData)).replace("#cloud-config\n", "")) as {
    users: { ssh_authorized_keys: string[] }[];
  };
  expect(config.users[0]!.ssh_authorized_keys).toEqual([client.publicKey, "ssh-ed25519 AAAAoperator"]);
});

test("no private key is visible, and the user data is a secret", async () => {
  const { all, firstBoot, firstConnection } = await booted();
  for (const key of [client, bootstrap]) {
    const line = key.privateKey.split("\n")[1]!;
    expect(all.map(visible).join()).not.toContain(line);
  }
  for (const output of [firstBoot.userData, firstBoot.privateKey]) {
    expect(await pulumi.isSecret(output)).toBe(true);
  }
  expect(await pulumi.isSecret(firstConnection.connection)).toBe(true);
  expect(named(all, "la-gw1-bootstrap-key").additionalSecretOutputs).toEqual(["privateKey"]);
});
