import { existsSync, readFileSync } from "node:fs";
import { createServer, connect as dial, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createProject, type PulumiProject } from "../support/pulumiProject";
import { generateKeys, startSshServer, type SshServer } from "../support/sshServer";

// These tests hold for Pulumi's own plugin as well: CROSSBORDER_PLUGINS=official npm test -- plugins. What the project's
// own provider does better is in a group of its own at the end.

jest.setTimeout(180_000);

let project: PulumiProject;
let server: SshServer;

const program = `
const made = new command.remote.Command("made", { ...inputs.command, connection: inputs.connection });
exports.stdout = made.stdout;
exports.stderr = made.stderr;
`;

beforeEach(async () => {
  project = await createProject();
  server = await startSshServer({ cwd: project.directory });
});

afterEach(async () => {
  await server.close();
  project.remove();
});

function connection(more: Record<string, unknown> = {}): Record<string, unknown> {
  const { host, port, user, privateKey, hostKey } = server;
  return { host, port, user, privateKey, hostKey, ...more };
}

function up(
  command: Record<string, unknown>,
  more: Record<string, unknown> = {},
): ReturnType<PulumiProject["up"]> {
  return project.up(program, { command, connection: connection(more) });
}

/** What commands wrote to the host's log, line by line. */
function hostLog(): string[] {
  const file = join(project.directory, "log");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

const log = (text: string): string => `echo "${text}" >> log`;

describe("the life of a remote command", () => {
  it("creates with standard input and variables, and gives both outputs", async () => {
    const result = await up({
      create: 'cat; echo "to stderr: $GREETING" >&2',
      stdin: "line one\nline two",
      environment: { GREETING: 'it\'s $HOME; "quoted"' },
    });
    expect(result).toMatchObject({ status: 0 });
    expect(await project.outputs()).toEqual({
      stdout: "line one\nline two",
      stderr: 'to stderr: it\'s $HOME; "quoted"',
    });
  });

  it("contacts no host when nothing changed", async () => {
    const command = { create: log("create"), update: log("update") };
    await up(command);
    const logins = server.logins();
    expect(await up(command)).toMatchObject({ status: 0, stdout: expect.stringContaining("2 unchanged") });
    expect(server.logins()).toBe(logins);
    expect(hostLog()).toEqual(["create"]);
  });

  it("updates with the update command, which sees what was printed before, and deletes with the stored one", async () => {
    const update = log("update after $PULUMI_COMMAND_STDOUT of $(cat)");
    await up({ create: "echo first", update, delete: log("delete 1"), stdin: "a" });
    await up({ create: "echo first", update, delete: log("delete 2"), stdin: "b" });
    expect(hostLog()).toEqual(["update after first of b"]);
    expect(await project.destroy()).toMatchObject({ status: 0 });
    expect(hostLog()).toEqual(["update after first of b", "delete 2"]);
  });

  it("creates again where there is no update command, and keeps its output where there is neither", async () => {
    await up({ create: "echo one" });
    await up({ create: "echo two" });
    expect(await project.outputs()).toMatchObject({ stdout: "two" });
    await up({ delete: log("delete") });
    expect(await project.outputs()).toMatchObject({ stdout: "two" });
  });

  it("does not pass on what was printed before when told so", async () => {
    const update = log("before: $PULUMI_COMMAND_STDOUT.");
    await up({ create: "echo hidden", update, addPreviousOutputInEnv: false });
    await up({ create: "echo hidden", update, addPreviousOutputInEnv: false, stdin: "x" });
    expect(hostLog()).toEqual(["before: ."]);
  });

  it("replaces on a changed trigger: creates the new, then deletes the old, and never updates", async () => {
    const command = (n: number): Record<string, unknown> => ({
      create: log(`create ${n}`),
      update: log(`update ${n}`),
      delete: log(`delete ${n}`),
      triggers: [n],
    });
    await up(command(1));
    await up(command(2));
    expect(hostLog()).toEqual(["create 1", "create 2", "delete 1"]);
  });

  it("follows a host that moved: the update goes over the new connection", async () => {
    const command = { create: log("create"), update: log("update") };
    await up(command);
    const old = server;
    server = await startSshServer({ cwd: project.directory });
    await old.close();
    expect(await up(command)).toMatchObject({ status: 0 });
    expect(hostLog()).toEqual(["create", "update"]);
  });

  it("fails with what the command said, and leaves the resource unmade", async () => {
    const result = await up({ create: "echo the reason >&2; exit 3", delete: log("delete") });
    expect(result.status).not.toBe(0);
    expect(result.stdout + result.stderr).toMatch(/status 3/);
    expect(result.stdout + result.stderr).toContain("the reason");
    await project.destroy();
    expect(hostLog()).toEqual([]);
  });

  it("fails an update without forgetting the resource, which the next one repairs", async () => {
    await up({ create: "true", update: "exit 1", stdin: "1" });
    expect((await up({ create: "true", update: "exit 1", stdin: "2" })).status).not.toBe(0);
    expect(await up({ create: "true", update: log("update"), stdin: "2" })).toMatchObject({ status: 0 });
    expect(hostLog()).toEqual(["update"]);
  });

  it("previews a command whose input is not known yet", async () => {
    const unknown = `
      const id = new random.RandomId("id", { byteLength: 4 });
      const made = new command.remote.Command("made", {
        create: pulumi.interpolate\`echo \${id.hex}\`, connection: inputs.connection });
      exports.stdout = made.stdout;`;
    expect(await project.preview(unknown, { connection: connection() })).toMatchObject({ status: 0 });
    expect(server.logins()).toBe(0);
  });
});

describe("secrets of a remote command", () => {
  it("stay out of the state and of what is shown", async () => {
    const secrets = {
      stdin: "the-hidden-manifest",
      variable: "the-hidden-variable",
    };
    const secretive = `
      const made = new command.remote.Command("made", {
        create: "cat; echo $HIDDEN", delete: "true", logging: "none",
        stdin: pulumi.secret(inputs.stdin), environment: { HIDDEN: pulumi.secret(inputs.variable) },
        connection: inputs.connection });
      exports.stdout = made.stdout;`;
    const result = await project.up(secretive, { ...secrets, connection: connection() });
    expect(result).toMatchObject({ status: 0 });
    const keyLine = server.privateKey.split("\n")[1]!;
    const state = await project.state();
    for (const secret of [...Object.values(secrets), keyLine]) {
      expect(result.stdout + result.stderr).not.toContain(secret);
      expect(state).not.toContain(secret);
    }
    expect(await project.outputs()).toEqual({ stdout: `${secrets.stdin}${secrets.variable}` });
  });

  it("are taken out of the state when an input becomes secret without another change", async () => {
    const stdin = "no-longer-public";
    const command = (input: string): string =>
      `new command.remote.Command("made", { create: "cat >/dev/null", stdin: ${input}, connection: inputs.connection });`;
    await project.up(command("inputs.stdin"), { stdin, connection: connection() });
    expect(await project.state()).toContain(stdin);
    await project.up(command("pulumi.secret(inputs.stdin)"), { stdin, connection: connection() });
    expect(await project.state()).not.toContain(stdin);
  });
});

describe("the connection of a remote command", () => {
  it("is refused when the host has another key than the pinned one", async () => {
    const other = generateKeys().publicKey;
    const result = await up({ create: log("create") }, { hostKey: other, dialErrorLimit: 0 });
    expect(result.status).not.toBe(0);
    expect(server.logins()).toBe(0);
    expect(hostLog()).toEqual([]);
  });

  it("is tried again while the host is still starting", async () => {
    let attempts = 0;
    const relay = createServer((client) => {
      client.on("error", () => undefined);
      if (++attempts < 3) return void client.destroy();
      const upstream = dial(server.port, server.host);
      upstream.on("error", () => client.destroy());
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const { port } = relay.address() as AddressInfo;
    const result = await up({ create: log("create") }, { port, dialErrorLimit: 2 });
    await new Promise((resolve) => relay.close(resolve));
    expect(result).toMatchObject({ status: 0 });
    expect(attempts).toBe(3);
    expect(hostLog()).toEqual(["create"]);
  });

  it("fails when the host stays away for more attempts than are allowed", async () => {
    const { port } = server;
    await server.close();
    const result = await up({ create: "true" }, { port, dialErrorLimit: 1 });
    expect(result.status).not.toBe(0);
  });

  it("works with a password", async () => {
    await server.close();
    server = await startSshServer({ cwd: project.directory, password: "let me in" });
    const result = await up({ create: log("create") }, { privateKey: undefined, password: "let me in" });
    expect(result).toMatchObject({ status: 0 });
    expect(hostLog()).toEqual(["create"]);
  });

  it("fails a command whose variables the host does not take", async () => {
    await server.close();
    server = await startSshServer({ cwd: project.directory, acceptEnvironment: false });
    const result = await up({ create: log("create"), environment: { WANTED: "x" } });
    expect(result.status).not.toBe(0);
    expect(result.stdout + result.stderr).toContain("AcceptEnv");
    expect(hostLog()).toEqual([]);
  });
});

const ownProvider = process.env["CROSSBORDER_PLUGINS"] === "official" ? describe.skip : describe;

ownProvider("the project's own provider", () => {
  it("refuses every option that it does not know, at once and by name", async () => {
    const loose = `new pulumi.CustomResource("command:remote:Command", "made", inputs.properties);`;
    const result = await project.up(loose, {
      properties: {
        create: log("create"),
        crate: "a typing error",
        logging: "loud",
        connection: connection({ agentSocketPath: "/agent", colour: "blue" }),
      },
    });
    expect(result.status).not.toBe(0);
    for (const name of ["`crate`", "`logging`", "`connection.agentSocketPath`", "`connection.colour`"]) {
      expect(result.stdout + result.stderr).toContain(name);
    }
    expect(server.logins()).toBe(0);
  });

  it("refuses to connect without a pinned host key", async () => {
    const result = await up({ create: log("create") }, { hostKey: undefined });
    expect(result.status).not.toBe(0);
    expect(result.stdout + result.stderr).toContain("`connection.hostKey` is required");
  });

  it("names both keys when the host's is not the pinned one, and does not try again", async () => {
    const result = await up({ create: "true" }, { hostKey: generateKeys().publicKey, dialErrorLimit: -1 });
    expect(result.status).not.toBe(0);
    expect(new Set((result.stdout + result.stderr).match(/SHA256:[\w+/]{43}/g)).size).toBe(2);
  });

  it("shows output, but no secret in it, nor in the message of a failure", async () => {
    const secretive = `
      new command.remote.Command("made", {
        create: "echo it started; cat; cat >&2 </dev/null; echo $HIDDEN >&2; exit 1",
        stdin: pulumi.secret(inputs.stdin), environment: { HIDDEN: pulumi.secret(inputs.variable) },
        connection: inputs.connection });`;
    const secrets = { stdin: "hidden line one\nhidden line two\n", variable: "hidden variable" };
    const result = await project.up(secretive, { ...secrets, connection: connection() });
    expect(result.status).not.toBe(0);
    expect(result.stdout + result.stderr).toContain("it started");
    expect(result.stdout + result.stderr).toContain("[secret]");
    expect(result.stdout + result.stderr).not.toContain("hidden");
  });
});
