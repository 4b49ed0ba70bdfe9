import { publicKeyOf } from "../../../providers/identity/keys";
import type { PulumiResult } from "../../../toolchain/pulumi";
import { ADDRESSES, NAMES, Production } from "./prodPath";

jest.setTimeout(1_200_000);

const OWN_KEY = "/etc/ssh/crossborder_ed25519_key";

/** Commands to a host, by what they are for. */
const IDENTITY = /python3 - (adopt|retire|forget)/;
const CONFIGURATION = /json\.load\(sys\.stdin\)/;
const COMMIT = /installer\.py commit/;
const CONFIRMATION = /installer\.py confirm/;
const MEASUREMENT = /python3 - (state|burst)/;

const production = new Production();
const { machines } = production;
beforeAll(() => production.create());
afterAll(() => production.remove());

function succeeded({ status, stdout, stderr }: PulumiResult): string {
  if (status !== 0) throw new Error(`exit status ${status}: ${stdout}${stderr}`);
  return stdout;
}

async function outputs(): Promise<Readonly<Record<string, unknown>>> {
  const text = succeeded(await production.stack.pulumi("stack", "output", "--json", "--show-secrets"));
  return JSON.parse(text) as Record<string, unknown>;
}

const at = (command: RegExp): number[] => NAMES.flatMap((name) => production.times(name, command));

test("another machine in a new gateway's place is refused by its key, and no gateway is changed", async () => {
  const { status, stdout, stderr } = await production.up("la-gw1");
  const where = ADDRESSES["la-gw1"].replaceAll(".", "\\.");
  expect(stdout + stderr).toMatch(
    new RegExp(`${where}:\\d+ offered host key SHA256:\\S+, but SHA256:\\S+ is pinned; refused`),
  );
  expect(status).not.toBe(0);
  expect(machines["la-gw1"].logins).toBe(0);
  expect(at(COMMIT)).toEqual([]);
  await production.replaceMachine("la-gw1");
});

test("two clouds, two machines, their own keys, the link between them, and its gate", async () => {
  const said = succeeded(await production.up());

  // First everybody is known by a key of its own; then both gateways change together; then the link is measured.
  expect(Math.max(...at(IDENTITY))).toBeLessThan(Math.min(...at(COMMIT)));
  for (const name of NAMES) {
    const first = Math.min(...production.times(name, CONFIGURATION));
    expect(Math.max(...production.times(name, IDENTITY))).toBeLessThan(first);
  }
  expect(Math.max(...at(CONFIRMATION))).toBeLessThan(Math.min(...at(MEASUREMENT)));

  const { hosts, link } = await outputs();
  for (const name of NAMES) {
    const { files, port, served } = machines[name];
    expect(served).toEqual([OWN_KEY]);
    expect(hosts).toContainEqual(
      expect.objectContaining({
        name,
        connection: {
          ...{
            host: ADDRESSES[name],
            port,
            user: "crossborder",
            privateKey: production.stack.privateKey.trim(),
          },
          hostKey: publicKeyOf(files.read(OWN_KEY)),
        },
      }),
    );
    expect(files.refused).toEqual([]);
  }
  expect(link).toMatchObject({
    mtu: 1380,
    gate: {
      verdict: "up",
      encrypted: true,
      rttMs: { p50: 160 },
      lossPercent: 0,
    },
  });
  expect(machines["sg-gw1"].files.isActive("firewalld.service")).toBe(false);

  // Each cloud was told the other's address, and what leads to the gateway.
  const la = `${ADDRESSES["la-gw1"]}/32`;
  const sg = `${ADDRESSES["sg-gw1"]}/32`;
  expect(production.inCloud("la-network-ike")?.inputs["sourceRanges"]).toEqual([sg]);
  expect(production.inCloud("sg-network-rules")?.inputs["ingresses"]).toContainEqual(
    expect.objectContaining({ cidrBlock: la, port: "500,4500" }),
  );
  expect(production.inCloud("la-routes-peer")?.inputs["nextHopInstance"]).toMatch(
    /\/instances\/prod-la-gw1$/,
  );
  expect(production.inCloud("sg-gw1-instance")?.inputs["imageId"]).toMatch(/^img-/);

  const exported = succeeded(await production.stack.pulumi("stack", "export"));
  const secrets = [production.stack.privateKey, ...NAMES.map((name) => production.bootstrapKey(name))];
  for (const secret of secrets) {
    const line = secret.split("\n")[1]!;
    expect({
      said: said.includes(line),
      stored: exported.includes(line),
    }).toEqual({
      said: false,
      stored: false,
    });
  }
});

test("a second deployment changes nothing, and only the gate asks the gateways", async () => {
  const before = NAMES.map((name) => machines[name].files.snapshot());
  const { logins } = production;
  const said = succeeded(await production.up());
  expect(said).toMatch(/^Resources:\n +~ 1 updated\n +\d+ unchanged$/m);
  expect(production.logins).toBe(logins + NAMES.length);
  expect(NAMES.map((name) => machines[name].files.snapshot())).toEqual(before);
});

test("other user data touches no machine", async () => {
  const port = machines["la-gw1"].port;
  await production.set("crossborder:access.sshPort", "2222");
  const changes = await production.preview();
  await production.set("crossborder:access.sshPort", `${port}`);
  expect(changes).toMatchObject({
    "la-network-ssh": "update",
    "sg-network-rules": "update",
  });
  expect(Object.values(changes).filter((operation) => operation !== "update")).toEqual([]);
  for (const name of NAMES) expect(changes).not.toHaveProperty(`${name}-instance`);
});

test("a gateway that is lost is replaced by the command: by another machine, disk and key at the same address", async () => {
  const replace = (...options: string[]): Promise<PulumiResult> =>
    production.run("replace", "la-gw1", "--stack", "prod", ...options);
  const former = { key: production.bootstrapKey("la-gw1"), address: production.inCloud("la-gw1-address") };
  const standing = JSON.stringify(await outputs());

  const stands = await replace("--new-disk");
  expect(succeeded(stands)).toMatch(/^ {2}link {8}link is up$/m);
  expect(stands.stderr).toContain("la-gw1 has all that was deployed: nothing is replaced");
  // One that drifted still answers with its key.
  machines["la-gw1"].files.kill("frr.service");
  const drifted = await replace("--new-disk");
  expect(drifted).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("la-gw1 isn't lost") as string,
  });

  await production.loseMachine("la-gw1");
  const unsaid = await replace();
  expect(unsaid).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("Say so with --new-disk") as string,
  });
  expect(production.bootstrapKey("la-gw1")).toBe(former.key);
  expect(JSON.stringify(await outputs())).toBe(standing);

  const { status, stdout, stderr } = await replace("--new-disk");
  expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
  expect(stderr).toContain("la-gw1 is machine 2 from now on");
  expect(stderr).toContain("la-gw1 is in its place");
  expect(stdout).toMatch(/^ {2}link {8}link is up$/m);
  expect(stdout).toMatch(/^ {2}backup la {3}standby/m);

  // Its cloud made everything anew but the address, and protects it again.
  const made = production.bootstrapKey("la-gw1");
  expect(made).not.toBe(former.key);
  expect(production.inCloud("la-gw1-address")).toEqual(former.address);
  expect(production.inCloud("la-gw1-instance")?.inputs["deletionProtection"]).toBe(true);
  const exported = succeeded(await production.stack.pulumi("stack", "export"));
  const { deployment } = JSON.parse(exported) as {
    deployment: { resources: { urn: string; protect?: boolean }[] };
  };
  for (const name of ["la-gw1-instance", "la-gw1-disk", "la-gw1-address"]) {
    expect(deployment.resources.find(({ urn }) => urn.endsWith(`::${name}`))).toMatchObject({
      protect: true,
    });
  }
  for (const key of [former.key, made]) {
    const line = key.split("\n")[1]!;
    expect({ said: (stdout + stderr).includes(line), stored: exported.includes(line) }).toEqual({
      said: false,
      stored: false,
    });
  }

  // The machine is known by a key that it made, and by another name; both gateways know it so.
  const { files, port, served } = machines["la-gw1"];
  expect(served).toEqual([OWN_KEY]);
  const { hosts, link } = await outputs();
  expect(hosts).toContainEqual(
    expect.objectContaining({
      name: "la-gw1",
      machine: 2,
      connection: expect.objectContaining({ port, hostKey: publicKeyOf(files.read(OWN_KEY)) }) as object,
    }),
  );
  expect(link).toMatchObject({ gate: { verdict: "up" } });
  const demanded = machines["sg-gw1"].files.read("/etc/crossborder/proxy.d/clusters.json");
  expect(demanded).toContain('"2.la-gw1.crossborder.internal"');
  expect(demanded).not.toContain('"la-gw1.crossborder.internal"');
  expect(succeeded(await production.run("verify", "--stack", "prod"))).toBe("2 of 2 hosts are as deployed\n");
  expect(Object.keys(await production.preview())).toEqual(["link-rtt"]);
  for (const name of NAMES) expect(machines[name].files.refused).toEqual([]);
});

test("production is destroyed once it isn't protected any more, and not before", async () => {
  const before = NAMES.map((name) => machines[name].files.snapshot());
  for (const options of [[], ["--skip-preview"]]) {
    const refused = await production.stack.pulumi("destroy", "--yes", ...options);
    expect(refused.status).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/::protection\\?" cannot be deleted/);
    expect(NAMES.map((name) => machines[name].files.snapshot())).toEqual(before);
  }
  for (const name of NAMES) expect(production.inCloud(`${name}-instance`)).toBeDefined();

  await production.set("crossborder:protect", "false");
  succeeded(await production.up());
  succeeded(await production.stack.pulumi("destroy", "--yes", "--skip-preview"));
  expect(production.everythingInClouds).toEqual([]);
  for (const name of NAMES) {
    const { files } = machines[name];
    // A directory that several components had may stay, empty; repositories stay with the packages that came from them.
    const left = Object.entries(files.snapshot()).flatMap(([path, what]) =>
      /^\/(etc|usr\/local|var\/lib)\/.*crossborder/.test(path) &&
      !/^\/etc\/(pki\/rpm-gpg|yum\.repos\.d|apt)\//.test(path) &&
      !what.startsWith("directory ")
        ? [path]
        : [],
    );
    expect(left).toEqual([OWN_KEY, "/etc/ssh/sshd_config.d/00-crossborder-host-key.conf"]);
    expect(files.refused).toEqual([]);
  }
  expect(machines["sg-gw1"].files.isActive("firewalld.service")).toBe(true);
});
