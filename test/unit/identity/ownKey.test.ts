import { renderUserData } from "../../../components/firstBoot/userData";
import { createBootstrapKey, publicKeyOf } from "../../../providers/identity/keys";
import {
  adoptOwnKey,
  type Machine,
  realWorld,
  retireBootstrapKey,
  type World,
} from "../../../providers/identity/ownKey";
import { BootingMachine } from "../../support/bootingMachine";
import { generateKeys } from "../../support/sshServer";

jest.setTimeout(60_000);

const OWN = "/etc/ssh/crossborder_ed25519_key";
const BOOTSTRAP = "/etc/ssh/ssh_host_ecdsa_key";
const DROP_IN = "/etc/ssh/sshd_config.d/00-crossborder-host-key.conf";

const client = generateKeys();
const bootstrap = createBootstrapKey();
const userData = renderUserData({
  family: "debian",
  user: "tester",
  authorizedKeys: [publicKeyOf(client.privateKey)],
  sshPort: 22,
  bootstrapKey: bootstrap,
});

let host: BootingMachine;
let said: string[];
/** No time passes but by waiting. */
let now: number;
const world: World = {
  ...realWorld,
  now: () => now,
  sleep: async (ms) => void (now += ms),
  say: (message) => void said.push(message),
};

async function start(includes = true): Promise<Machine> {
  host = new BootingMachine({ includes });
  await host.boot(userData);
  return machine();
}

function machine(): Machine {
  return {
    connection: { host: "127.0.0.1", port: host.port, user: "tester", privateKey: client.privateKey },
    sshUnit: "ssh.service",
  };
}

const adopt = (target: Machine, known = [bootstrap.publicKey], seconds = 60): Promise<string> =>
  adoptOwnKey(target, known, seconds, world);
const retire = (target: Machine, hostKey: string): Promise<void> =>
  retireBootstrapKey(target, { hostKey, bootstrapKey: bootstrap.publicKey }, 60, world);

beforeEach(() => {
  said = [];
  now = 0;
});
afterEach(() => host.remove());

describe.each([
  ["drop-ins", true],
  ["one file", false],
])("an sshd that is configured by %s", (_name, includes) => {
  test("serves both keys until the bootstrap key retires, and then its own alone", async () => {
    const target = await start(includes);
    const hostKey = await adopt(target);
    expect(hostKey).toBe(publicKeyOf(host.files.read(OWN)));
    expect(host.files.mode(OWN)).toBe(0o600);
    expect(host.served).toEqual([OWN, BOOTSTRAP]);
    expect(host.files.calls(/^cloud-init/)).toEqual(["cloud-init status --wait"]);

    await retire(target, hostKey);
    expect(host.served).toEqual([OWN]);
    expect(host.files.exists(BOOTSTRAP)).toBe(false);
    expect(host.files.exists(`${BOOTSTRAP}.pub`)).toBe(false);
    expect(Object.keys(host.files.snapshot()).filter((path) => path.includes("before-crossborder"))).toEqual(
      [],
    );
  });

  test("each step may be done again, and the key stays", async () => {
    const target = await start(includes);
    const hostKey = await adopt(target);
    expect(await adopt(target)).toBe(hostKey);
    await retire(target, hostKey);
    await retire(target, hostKey);
    expect(await adopt(target, [bootstrap.publicKey, hostKey])).toBe(hostKey);
    expect(host.served).toEqual([OWN]);
  });
});

test("a step that was cut off before sshd was reloaded is completed", async () => {
  const target = await start();
  const hostKey = await adopt(target);
  host.serve([BOOTSTRAP]);
  expect(await adopt(target)).toBe(hostKey);
  await retire(target, hostKey);
  host.serve([OWN, BOOTSTRAP]);
  await retire(target, hostKey);
  expect(host.served).toEqual([OWN]);
});

test("a key of the distribution's of the same type is not served beside the own one, and is not taken for it", async () => {
  const target = await start();
  const { privateKey } = generateKeys();
  host.files.write("/etc/ssh/ssh_host_ed25519_key", privateKey, 0o600);
  host.serve([BOOTSTRAP, "/etc/ssh/ssh_host_ed25519_key"]);
  const hostKey = await adopt(target);
  expect(hostKey).not.toBe(publicKeyOf(privateKey));
  await retire(target, hostKey);
  expect(host.served).toEqual([OWN]);
});

test("a machine with another key is refused at once, and nothing happens on it", async () => {
  const target = await start();
  const before = host.files.snapshot();
  await expect(adopt(target, [createBootstrapKey().publicKey])).rejects.toThrow(
    /offered host key SHA256:.*, but SHA256:.* is pinned; refused/,
  );
  expect(now).toBe(0);
  expect(host.logins).toBe(0);
  expect(host.files.snapshot()).toEqual(before);
});

test("once the bootstrap key has retired, it opens nothing", async () => {
  const target = await start();
  await retire(target, await adopt(target));
  await expect(adopt(target)).rejects.toThrow("has no host key of type ecdsa-sha2-nistp256, which is pinned");
});

test("a machine that boots is waited for, with a word now and then", async () => {
  const target = await start();
  const { port } = host;
  await host.disconnect();
  let attempts = 0;
  const booting: World = {
    ...world,
    sleep: async (ms) => {
      now += ms;
      if (++attempts === 25) await host.connect(port);
    },
  };
  expect(await adoptOwnKey(target, [bootstrap.publicKey], 600, booting)).toMatch(/^ssh-ed25519 /);
  expect(said).toHaveLength(2);
  expect(said[0]).toMatch(/^waiting for 127\.0\.0\.1:\d+ for 30 s of 600 s: .*cannot be reached over SSH/);
});

test("a machine that lets nobody in is given up in the end", async () => {
  const target = await start();
  await host.disconnect();
  await expect(adopt(target)).rejects.toThrow(/let nobody in within 60 s: .*cannot be reached over SSH/);
  expect(now).toBe(60_000);
});

test("what sshd's parser refuses is put back", async () => {
  const target = await start();
  host.files.write("/etc/ssh/sshd_config.d/60-broken.conf", "Unknown yes\n");
  const before = host.files.snapshot();
  await expect(adopt(target)).rejects.toThrow("Bad configuration option");
  host.files.write("/etc/ssh/sshd_config.d/60-broken.conf", "HostKey /etc/ssh/ssh_host_ecdsa_key\n");
  expect(host.served).toEqual([BOOTSTRAP]);
  expect(await adopt(target)).toMatch(/^ssh-ed25519 /);
  expect(before).not.toHaveProperty([DROP_IN]);
});

test("what can't be loaded is put back", async () => {
  const target = await start();
  const before = host.files.read("/etc/ssh/sshd_config");
  host.files.hook('[ "$1 $2" != "systemctl reload" ]');
  await expect(adopt(target)).rejects.toThrow("sshd's configuration was put back");
  expect(host.files.read("/etc/ssh/sshd_config")).toBe(before);
  expect(host.files.exists(DROP_IN)).toBe(false);
  expect(host.served).toEqual([BOOTSTRAP]);
});

test("an own key that no new connection proves is undone", async () => {
  const target = await start();
  // Reloads succeed, and sshd goes on with the key that it was started with.
  host.files.hook("true");
  await expect(adopt(target)).rejects.toThrow(
    /has no host key of type ssh-ed25519, which is pinned; refused; sshd serves what it served before/,
  );
  expect(host.files.exists(DROP_IN)).toBe(false);
  expect(host.served).toEqual([BOOTSTRAP]);
});

test("the bootstrap key goes only when a new connection proved that it isn't needed", async () => {
  const target = await start();
  const hostKey = await adopt(target);
  let dials = 0;
  const lost: World = {
    ...world,
    // The first connection is there, no other is made.
    dial: (connection) => world.dial(++dials > 1 ? { ...connection, port: 1 } : connection),
  };
  const keys = { hostKey, bootstrapKey: bootstrap.publicKey };
  await expect(retireBootstrapKey(target, keys, 60, lost)).rejects.toThrow(
    "sshd serves what it served before",
  );
  expect(host.served).toEqual([OWN, BOOTSTRAP]);
  expect(host.files.exists(BOOTSTRAP)).toBe(true);
  expect(await adopt(target)).toBe(hostKey);
});
