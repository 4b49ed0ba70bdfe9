import type { SshConnection } from "../../../providers/ssh/session";
import { certificatePaths, dnsNameOf, keyPath } from "../../../components/pki/paths";
import { Workshop } from "../../unit/pki/fixtures";
import { Project } from "../providers/project";
import { RemoteHost } from "./stack";

jest.setTimeout(900_000);

const program = `
import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { Certificates } from "./components/pki/certificates";

const { connections, certificates, outOfService, machines } = JSON.parse(readFileSync("inputs.json", "utf8"));
const hosts = Object.entries(connections).map(([name, connection]) => ({
  name,
  site: name,
  family: "debian" as const,
  privateAddress: "127.0.0.1",
  underlay: { interface: "lo", mtu: 1500 },
  outOfService: outOfService?.includes(name) ?? false,
  machine: machines?.[name] ?? 1,
  connection: pulumi.secret(connection as never),
}));
export const { authorities, leaves } = new Certificates("certificates", { hosts, certificates });
`;

const project = new Project();
const workshop = new Workshop();
const names = ["la-gw1", "sg-gw1"];
const hosts: Record<string, RemoteHost> = {};
const connections: Record<string, SshConnection> = {};

/** A machine without anything of the product. */
function machine(): RemoteHost {
  const host = new RemoteHost();
  host.files.addPackage("openssl");
  // systemd's part: the unit runs its own command.
  host.files.hook(`case "$2" in
start) verb=Start ;;
reload) verb=Reload ;;
*) exit 0 ;;
esac
sh -c "$CROSSBORDER_ROOT$(sed -n "s/^Exec$verb=//p" "$CROSSBORDER_ROOT/etc/systemd/system/$3")"`);
  return host;
}

beforeAll(async () => {
  await project.create(program);
  for (const name of names) {
    hosts[name] = machine();
    connections[name] = await hosts[name].listen();
  }
});
afterAll(async () => {
  project.remove();
  workshop.remove();
  await Promise.all(Object.values(hosts).map((host) => host.close()));
});

let machines: Record<string, number> = {};
let outOfService: string[] = [];

/** Deploys. @returns how often it logged in to a host. */
async function up(set: { generation?: number; issue?: number; trust?: number[] } = {}): Promise<number[]> {
  const { generation = 1, issue = 1, trust = [] } = set;
  const certificates = { lifeDays: 90, generation, authority: { issue, trust } };
  project.inputs({ connections, certificates, machines, outOfService });
  const before = names.map((name) => hosts[name]!.logins);
  const { status, stdout, stderr } = await project.up();
  if (status !== 0) throw new Error(stdout + stderr);
  return names.map((name, index) => hosts[name]!.logins - before[index]!);
}

const read = (name: string, file: "leaf" | "authorities"): string =>
  hosts[name]!.files.read(certificatePaths(name)[file]);

/** What each host finds wrong with the other's certificate. */
function judged(): string[] {
  return names.map((name) => {
    const peer = names.find((other) => other !== name)!;
    return workshop.verify(
      read(name, "authorities"),
      read(peer, "leaf"),
      dnsNameOf(peer, machines[peer]),
      new Date(),
    );
  });
}

test("hosts get certificates that the other accepts, renew them, change keys and authorities, and give all of it back", async () => {
  const found = Object.keys(hosts["la-gw1"]!.files.snapshot());
  const count = (name: string, pattern: RegExp): number =>
    read(name, "authorities").match(pattern)?.length ?? 0;

  // One login makes the key, one installs the certificate. Without a change, none.
  expect(await up()).toEqual([2, 2]);
  expect(judged()).toEqual(["", ""]);
  const first = read("la-gw1", "leaf");
  expect(await project.preview()).toEqual({});
  expect(await up()).toEqual([0, 0]);

  // New keys: the old ones are used until the new ones are, and then go.
  expect(await up({ generation: 2 })).toEqual([3, 3]);
  expect(judged()).toEqual(["", ""]);
  expect(read("la-gw1", "leaf").split("-----BEGIN PRIVATE KEY")[1]).not.toBe(
    first.split("-----BEGIN PRIVATE KEY")[1],
  );
  for (const name of names) {
    expect(hosts[name]!.files.exists(keyPath(name, 1))).toBe(false);
    expect(hosts[name]!.files.exists(keyPath(name, 2))).toBe(true);
  }

  // A new authority: trusted, issuing, alone; after each step the hosts accept each other.
  const second = read("la-gw1", "leaf");
  expect(await up({ generation: 2, issue: 1, trust: [2] })).toEqual([1, 1]);
  expect(read("la-gw1", "leaf")).toBe(second);
  expect(count("la-gw1", /BEGIN CERTIFICATE/g)).toBe(2);
  expect(judged()).toEqual(["", ""]);
  expect(await up({ generation: 2, issue: 2, trust: [1] })).toEqual([1, 1]);
  expect(read("la-gw1", "leaf")).not.toBe(second);
  expect(judged()).toEqual(["", ""]);
  expect(await up({ generation: 2, issue: 2 })).toEqual([1, 1]);
  expect(count("la-gw1", /BEGIN CERTIFICATE/g)).toBe(1);
  expect(judged()).toEqual(["", ""]);

  // An empty machine takes a host's place: another key under another name, and what the lost one had is accepted no more.
  const lost = read("sg-gw1", "leaf");
  outOfService = ["sg-gw1"];
  expect(await up({ generation: 2, issue: 2 })).toEqual([0, 0]);
  await hosts["sg-gw1"]!.close();
  hosts["sg-gw1"] = machine();
  connections["sg-gw1"] = await hosts["sg-gw1"].listen();
  outOfService = [];
  machines = { "sg-gw1": 2 };
  await up({ generation: 2, issue: 2 });
  expect(judged()).toEqual(["", ""]);
  const verify = (leaf: string) =>
    workshop.verify(read("la-gw1", "authorities"), leaf, dnsNameOf("sg-gw1", 2), new Date());
  expect([verify(read("sg-gw1", "leaf")), verify(lost)]).toEqual(["", expect.stringMatching(/\S/)]);

  // No private key ever left its host or the engine.
  expect(project.state()).not.toContain("PRIVATE KEY");
  const shown = await project.pulumi("stack", "export", "--show-secrets");
  for (const name of names) {
    const [, key] = read(name, "leaf").split("-----BEGIN PRIVATE KEY-----\n");
    expect(shown.stdout).not.toContain(key!.slice(0, 60));
  }

  expect(await project.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ status: 0 });
  // The teardown's commands know no other root than /.
  for (const name of names) {
    const left = Object.keys(hosts[name]!.files.snapshot()).filter((path) => !found.includes(path));
    expect(left.filter((path) => !certificatePaths(name).leaf.startsWith(path))).toEqual([]);
  }
});
