import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { createBootstrapKey, publicKeyOf } from "../../../providers/identity/keys";
import type { SshConnection } from "../../../providers/ssh/session";
import { BootingMachine } from "../../support/bootingMachine";
import { generateKeys } from "../../support/sshServer";
import { Project } from "./project";

jest.setTimeout(900_000);

const OWN = "/etc/ssh/crossborder_ed25519_key";

/** The machine is a command that takes its user data at its creation, as a cloud does. */
const program = `
import * as command from "@pulumi/command";
import { readFileSync } from "node:fs";
import { FirstBoot } from "./components/firstBoot/firstBoot";
import { FirstConnection } from "./components/firstBoot/firstConnection";

const { privateKey, port, operators, outOfService } = JSON.parse(readFileSync("inputs.json", "utf8"));
const firstBoot = new FirstBoot("la-gw1", {
  family: "debian",
  user: "tester",
  privateKey,
  authorizedKeys: operators,
  sshPort: port,
});
const machine = new command.local.Command(
  "machine",
  { create: "cat > user-data.new && mv user-data.new user-data", stdin: firstBoot.userData },
  { ignoreChanges: ["stdin"] },
);
export const { connection } = new FirstConnection("la-gw1", {
  firstBoot,
  address: "127.0.0.1",
  machine: machine.id,
  deadlineSeconds: 300,
  outOfService,
});
`;

const client = generateKeys();
let project: Project;
let machine: BootingMachine;
let port: number;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address() as AddressInfo;
      server.close(() => resolve(free));
    });
  });
}

async function until(condition: () => boolean, seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`within ${seconds} s it did not come to ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Boots the machine as soon as it is made. */
async function bootWhenMade(change = (userData: string): string => userData): Promise<void> {
  const file = join(project.directory, "user-data");
  await until(() => existsSync(file), 300);
  await machine.boot(change(readFileSync(file, "utf8")), port);
}

const give = (operators: readonly string[] = [], outOfService = false): void =>
  project.inputs({ privateKey: client.privateKey, port, operators, outOfService });

async function connection(): Promise<SshConnection> {
  const { stdout } = await project.pulumi("stack", "output", "connection", "--json", "--show-secrets");
  return JSON.parse(stdout) as SshConnection;
}

beforeEach(async () => {
  project = new Project();
  machine = new BootingMachine();
  port = await freePort();
  await project.create(program);
  give();
});
afterEach(async () => {
  await machine.remove();
  project.remove();
});

test("a machine's first boot, its own key, and nothing to do afterwards", async () => {
  expect(await project.preview()).toMatchObject({
    machine: "create",
    "la-gw1-identity": "create",
    "la-gw1-bootstrap-key-retirement": "create",
  });
  const [result] = await Promise.all([project.up(), bootWhenMade()]);
  expect(result).toMatchObject({ status: 0 });
  expect(await connection()).toEqual({
    host: "127.0.0.1",
    port,
    user: "tester",
    privateKey: client.privateKey,
    hostKey: publicKeyOf(machine.files.read(OWN)),
  });
  expect(machine.served).toEqual([OWN]);

  // The second deployment contacts nobody, also when the user data is another.
  const { logins } = machine;
  expect(await project.preview()).toEqual({});
  give(["ssh-ed25519 AAAAoperator"]);
  expect(await project.preview()).toEqual({});
  expect(await project.up()).toMatchObject({ status: 0 });
  expect(await project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")).toMatchObject({
    status: 0,
  });
  expect(machine.logins).toBe(logins);

  // Neither the bootstrap key nor the client's is in the clear, neither in the state nor in what the CLI says.
  const shown = result.stdout + result.stderr + project.state();
  const userData = readFileSync(join(project.directory, "user-data"), "utf8");
  const bootstrapKey = /-----BEGIN EC PRIVATE KEY-----\\n([^\\]*)/.exec(userData)![1]!;
  for (const secret of [bootstrapKey, client.privateKey.split("\n")[2]!]) {
    expect(shown).not.toContain(secret);
  }

  const before = machine.files.snapshot();
  expect(await project.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ status: 0 });
  expect(machine.files.snapshot()).toEqual(before);
});

test("a machine that shows another key is refused, and nobody logs in", async () => {
  const { privateKey, publicKey } = createBootstrapKey();
  const [result] = await Promise.all([
    project.up(),
    bootWhenMade((userData) => {
      const config = JSON.parse(userData.replace("#cloud-config\n", "")) as object;
      const keys = { ssh_keys: { ecdsa_private: privateKey, ecdsa_public: publicKey } };
      return `#cloud-config\n${JSON.stringify({ ...config, ...keys })}\n`;
    }),
  ]);
  expect(result.status).not.toBe(0);
  expect(result.stdout + result.stderr).toMatch(/offered host key SHA256:.*, but SHA256:.* is pinned/);
  expect(machine.logins).toBe(0);
});

/**
 * Kills a deployment while sshd's nth reload is due, as if the operator's machine lost its power. What runs on the machine
 * goes on, and nobody hears of it.
 */
async function interruptAtReload(nth: number, keysThen: number): Promise<void> {
  machine.hold(nth);
  await project.interruptUp(() => machine.reloads === nth);
  machine.release();
  await until(() => machine.served.length === keysThen, 120);
}

test("a deployment that is killed at any step is finished by the next", async () => {
  // The machine serves its own key beside the other, and the state doesn't know it.
  await Promise.all([interruptAtReload(1, 2), bootWhenMade()]);
  expect(project.stored("la-gw1-identity")).toEqual({});
  const ownKey = publicKeyOf(machine.files.read(OWN));

  // It serves its own key alone, and the state doesn't know that.
  await interruptAtReload(3, 1);
  expect(project.stored("la-gw1-identity")["hostKey"]).toBe(ownKey);
  expect(project.stored("la-gw1-bootstrap-key-retirement")).toEqual({});

  expect(await project.up()).toMatchObject({ status: 0 });
  expect(machine.served).toEqual([OWN]);
  expect((await connection()).hostKey).toBe(ownKey);
  expect(await project.preview()).toEqual({});
});

test("a machine that is out of service is waited for by nothing, and comes in later", async () => {
  // It is made, and nobody answers there.
  give([], true);
  expect(await project.up()).toMatchObject({ status: 0 });
  expect((await connection()).hostKey).toMatch(/^ecdsa-sha2-nistp256 /);
  expect(await project.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")).toMatchObject({
    status: 0,
  });
  give();
  const [result] = await Promise.all([project.up(), bootWhenMade()]);
  expect(result).toMatchObject({ status: 0 });
  expect((await connection()).hostKey).toBe(publicKeyOf(machine.files.read(OWN)));
  expect(machine.served).toEqual([OWN]);

  // It dies, and another takes its place meanwhile.
  await machine.disconnect();
  const { hostKey } = await connection();
  give([], true);
  expect(await project.up(["--replace", "**::machine"])).toMatchObject({ status: 0 });
  expect((await connection()).hostKey).toBe(hostKey);
  expect(await project.preview()).toEqual({});
  expect(await project.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ status: 0 });
});
