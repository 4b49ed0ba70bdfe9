import { createBootstrapKey, publicKeyOf } from "../../../providers/identity/keys";
import { generateKeys, startSshServer } from "../../support/sshServer";
import {
  logic as identity,
  type IdentityInputs,
  withoutSecrets,
} from "../../../providers/identity/hostIdentityProvider";
import { logic as retirement } from "../../../providers/identity/retirementProvider";

const client = generateKeys();

/** Nobody answers at this address (RFC 5737), so whatever connects fails or waits. */
const inputs: IdentityInputs = {
  ...{ address: "192.0.2.1", port: 22, user: "crossborder", privateKey: "a key" },
  ...{
    bootstrapKey: "ecdsa-sha2-nistp256 AAAAboot",
    machine: "1",
    sshUnit: "ssh.service",
    deadlineSeconds: 0,
  },
};
const held = { ...inputs, hold: true };
const own = "ssh-ed25519 AAAAown";

test("a machine that is held from the start is known by its bootstrap key, and asked once it is in service", async () => {
  const { outs } = await identity.create(held);
  expect(outs).toMatchObject({ hostKey: inputs.bootstrapKey, machine: "1" });
  expect(outs).not.toHaveProperty("privateKey");
  expect(await identity.diff("identity", outs!, held)).toEqual({ changes: false });
  expect(await identity.diff("identity", outs!, inputs)).toEqual({ changes: true });
});

test("what is known of a machine stays while it is held, and another machine is asked later", async () => {
  const stored = { ...withoutSecrets(inputs), hostKey: own };
  const another = { ...inputs, machine: "2" };
  expect(await identity.diff("identity", stored, { ...another, hold: true })).toEqual({ changes: false });
  expect(await identity.diff("identity", stored, another)).toEqual({ changes: true });
  expect(await identity.diff("identity", stored, inputs)).toEqual({ changes: false });
});

test("a bootstrap key whose retirement was held is retired once the machine is in service, whatever was adopted before", async () => {
  const { outs } = await retirement.create({ ...held, hostKey: own });
  expect(outs).not.toHaveProperty("privateKey");
  expect(await retirement.diff("retirement", outs!, { ...held, hostKey: own })).toEqual({ changes: false });
  expect(await retirement.diff("retirement", outs!, { ...inputs, hostKey: own })).toEqual({ changes: true });
});

test("a machine with a bootstrap key of its own is known by that alone, and not by the key of the disk that was lost", async () => {
  const former = generateKeys();
  const server = await startSshServer({
    clientKey: publicKeyOf(client.privateKey),
    hostKeys: () => [former.privateKey],
  });
  const reached = {
    ...inputs,
    ...{ address: "127.0.0.1", port: server.port, user: "tester", privateKey: client.privateKey },
  };
  const stored = { ...withoutSecrets(reached), hostKey: publicKeyOf(former.privateKey) };
  const another = { ...reached, machine: "2", bootstrapKey: createBootstrapKey().publicKey };
  try {
    await expect(identity.update("identity", stored, another)).rejects.toThrow("which is pinned; refused");
    expect(server.logins()).toBe(0);
  } finally {
    await server.close();
  }
});
