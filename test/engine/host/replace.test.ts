import type { Manifest } from "../../../components/host/manifest";
import { generationOf } from "../../../components/host/installer";
import type { HostOutput } from "../../../outputs/contract";
import type { LinkStatus } from "../../../providers/probes/status";
import { connect, type SshConnection } from "../../../providers/ssh/session";
import { replaceHost, type Surroundings } from "../../../replace/replace";
import type { ConnectedSettings } from "../../../settings/load";
import { parseSettings } from "../../../settings/parse";
import { validSettings } from "../../unit/settings/fixtures";
import { RemoteHost, TestStack } from "./stack";

jest.setTimeout(900_000);

const FILE = "/etc/thing.conf";
const names = ["la", "sg"] as const;

const manifest: Manifest = {
  component: "link",
  packages: [],
  files: [{ path: FILE, content: "one", mode: "0644" }],
  sysctl: {},
  checks: [],
  units: [],
  teardown: [],
  verify: [],
  confirm: { settle: [], ready: [{ name: "is there", argv: ["true"] }] },
};

const inOrder = { link: { state: "up" }, backup: null, ha: null, postgres: null } as unknown as LinkStatus;

let stack: TestStack;
let hosts: Record<(typeof names)[number], RemoteHost>;
let connections: Record<(typeof names)[number], SshConnection>;
/** The settings that a replacement changes, and what the last deployment that succeeded had of them. */
let written: { machines: Record<string, number>; outOfService: boolean };
let deployedMachine: number;
let said: string[];

beforeEach(async () => {
  stack = new TestStack();
  hosts = { la: new RemoteHost(), sg: new RemoteHost() };
  connections = { la: await hosts.la.listen(), sg: await hosts.sg.listen() };
  written = { machines: {}, outOfService: false };
  deployedMachine = 1;
  said = [];
  await stack.create();
});
afterEach(async () => {
  await Promise.all(names.map((name) => hosts[name].close()));
  stack.remove();
});

async function deploy(): Promise<boolean> {
  const { status } = await stack.tryUp({
    configurations: names.map((name) => ({
      name: `link-${name}-gw1`,
      host: `${name}-gw1`,
      connection: connections[name],
      manifest,
      ...(name === "sg" && { machine: written.machines["gw1"] ?? 1, outOfService: written.outOfService }),
    })),
    commit: { confirmWithinSeconds: 20, readyWithinSeconds: 4 },
  });
  if (status === 0) deployedMachine = written.machines["gw1"] ?? 1;
  return status === 0;
}

function world(set: Partial<Surroundings> = {}): Surroundings {
  const settings = (): ConnectedSettings => {
    const raw = validSettings() as { sites: Record<string, object> };
    const sites = { ...raw.sites, sg: { ...raw.sites["sg"], ...written } };
    const byHost = Object.fromEntries(names.map((name) => [`${name}-gw1`, connections[name]]));
    return { ...parseSettings({ ...raw, sites }), connections: byHost };
  };
  const deployed = (): HostOutput[] =>
    names.map((name) => ({
      name: `${name}-gw1`,
      connection: connections[name],
      machine: name === "sg" ? deployedMachine : 1,
      outOfService: false,
      components: [{ component: "link", generation: generationOf(manifest) }],
    }));
  return {
    settings: async () => settings(),
    deployed: async () => deployed(),
    dial: async (connection) => {
      const session = await connect(connection);
      const of = names.find((name) => connections[name].port === connection.port)!;
      // The product's directories are below the pretended host's root; its installer's path the server knows.
      const { root } = hosts[of].files;
      const local = (command: string): string =>
        command.replaceAll(/ (\/(?:var\/lib|etc)\/crossborder)/g, (_, path: string) => ` ${root}${path}`);
      return { ...session, exec: (command, options) => session.exec(local(command), options) };
    },
    change: async ({ path, value }) => {
      if (path.endsWith(".machines.gw1")) written.machines["gw1"] = value!;
      else if (value === undefined) written.outOfService = false;
    },
    release: async () => undefined,
    deploy,
    status: async () => inOrder,
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    say: (line) => void said.push(line),
    ...set,
  };
}

/** Another machine, at another address, with another key, takes a host's place. */
async function emptyMachine(): Promise<void> {
  await hosts.sg.close();
  hosts.sg = new RemoteHost();
  connections.sg = await hosts.sg.listen();
}

test("an empty machine takes a dead host's place, over its new key, and commits with the other; nothing else is touched", async () => {
  expect(await deploy()).toBe(true);
  written.outOfService = true;
  expect(await deploy()).toBe(true);
  const before = hosts.la.files.snapshot();

  // The machine isn't there: nothing is changed.
  await hosts.sg.stopListening();
  await expect(replaceHost("sg-gw1", world())).rejects.toThrow("the new machine has to run");
  // Another key than the pinned one: nothing is changed.
  await emptyMachine();
  const { hostKey } = connections.sg;
  connections.sg = { ...connections.sg, hostKey: connections.la.hostKey };
  await expect(replaceHost("sg-gw1", world())).rejects.toThrow(
    /is pinned; refused; if it is the new machine/,
  );
  connections.sg = { ...connections.sg, hostKey };
  expect(written).toEqual({ machines: {}, outOfService: true });

  // A deployment that fails can be gone on with.
  await expect(replaceHost("sg-gw1", world({ deploy: async () => false }))).rejects.toThrow(
    "run the same command again",
  );
  expect(written).toEqual({ machines: { gw1: 2 }, outOfService: false });
  await expect(replaceHost("sg-gw1", world())).resolves.toBe(inOrder);
  expect(said).toContain("        the replacement by machine 2 goes on");
  expect(hosts.sg.files.read(FILE)).toBe("one");
  expect(hosts.sg.files.isEnabled("crossborder-rollback-link.timer")).toBe(false);
  const changed = Object.keys(before).filter((path) => !path.includes("/var/lib/crossborder"));
  const after = hosts.la.files.snapshot();
  for (const path of changed) expect(after[path]).toBe(before[path]);

  // Run once more, it proves and touches nothing; with something else on the machine it refuses.
  const { logins } = hosts.la;
  await expect(
    replaceHost("sg-gw1", world({ deploy: () => Promise.reject(new Error("deployed")) })),
  ).resolves.toBe(inOrder);
  expect(hosts.la.logins).toBe(logins);
  hosts.sg.files.write(FILE, "tampered with");
  await expect(replaceHost("sg-gw1", world())).rejects.toThrow("sg-gw1 isn't empty");

  // What was replaced can be taken away again.
  await stack.destroy();
  expect(names.map((name) => hosts[name].files.exists(FILE))).toEqual([false, false]);
});

test("it isn't done before everything is in order", async () => {
  expect(await deploy()).toBe(true);
  await emptyMachine();
  let clock = 0;
  const looks = ["down", "down", "up"].map(
    (state) => ({ ...inOrder, link: { ...inOrder.link, state } }) as LinkStatus,
  );
  const patient = world({
    now: () => clock,
    sleep: async (ms) => void (clock += ms),
    status: async () => (looks.length > 1 ? looks.shift()! : looks[0]!),
  });
  await expect(replaceHost("sg-gw1", patient)).resolves.toMatchObject({ link: { state: "up" } });
  expect(said.filter((line) => line.startsWith("waiting"))).toEqual(["waiting: the link is down"]);
  const hopeless = {
    ...patient,
    status: async () => ({ ...inOrder, link: { ...inOrder.link, state: "down" } }) as LinkStatus,
  };
  await expect(replaceHost("sg-gw1", hopeless)).rejects.toThrow(
    "not in order 15 min after the deployment: the link is down",
  );
});
