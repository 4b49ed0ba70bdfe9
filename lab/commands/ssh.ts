import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Client, clients, type Machine, machines } from "../network/plan";
import { writeKnownHosts } from "../identity";
import { machineFiles } from "../machines/qemu";
import type { LabPaths } from "../paths";
import { inventoryEntry } from "../state";
import { existingLab, type LabCommand, UsageError } from "./command";

function isMachine(name: string): name is Machine {
  return (machines as readonly string[]).includes(name);
}

function isClient(name: string): name is Client {
  return (clients as readonly string[]).includes(name);
}

/** Quotes a word for a POSIX shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** OpenSSH's arguments for a machine, whose key is pinned. */
export function sshArguments(paths: LabPaths, machine: Machine): string[] {
  const { host, port, user, privateKeyFile } = inventoryEntry(paths, machine);
  const options = {
    IdentitiesOnly: "yes",
    UserKnownHostsFile: writeKnownHosts(paths),
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlias: `crossborder-${machine}`,
    StrictHostKeyChecking: "yes",
    LogLevel: "ERROR",
  };
  const given = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["-F", "none", "-i", privateKeyFile, ...given, "-p", String(port), `${user}@${host}`];
}

/** Starts OpenSSH's client. @returns its exit status. */
export function openSsh(args: readonly string[]): Promise<number> {
  const child = spawn("ssh", args, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (status) => resolve(status ?? 255));
  });
}

export const ssh: LabCommand = {
  summary: "open a shell on a machine or client, or run a command there",
  help: `usage: npm run lab -- ssh <${[...machines, ...clients].join("|")}> [command…]

Opens a shell on a machine, or runs a command and ends with its exit status. client-la and client-sg are hosts in the sites'
networks that are no gateways; they live in namespaces of the machine wan.
`,
  async run([name, ...command]) {
    const paths = existingLab();
    if (name === undefined) throw new UsageError("which machine?");
    if (!isMachine(name) && !isClient(name)) throw new UsageError(`there is no machine "${name}"`);
    const [machine, prefix]: [Machine, string] = isMachine(name)
      ? [name, ""]
      : ["wan", `ip netns exec ${name} `];
    // A command of one word may be a line of shell, as with ssh itself.
    const line = command.length === 1 ? `sh -c ${quoted(command[0]!)}` : command.map(quoted).join(" ");
    const remote = command.length > 0 ? [`${prefix}${line}`] : prefix ? ["-t", `${prefix}bash`] : [];
    const [tty, rest] = remote[0] === "-t" ? [["-t"], remote.slice(1)] : [[], remote];
    return openSsh([...tty, ...sshArguments(paths, machine), ...rest]);
  },
};

export const logs: LabCommand = {
  summary: "show a machine's journal, or where all logs are",
  help: `usage: npm run lab -- logs [<${machines.join("|")}>]

Without a machine: the log files of this lab (the image's build, the machines' consoles, what the toolchain did). With one: its journal
since boot, or, when it does not answer, what it last wrote to its console.
`,
  async run([name, ...rest]) {
    const paths = existingLab();
    if (rest.length > 0 || (name !== undefined && !isMachine(name))) {
      throw new UsageError(`logs of what? one of ${machines.join(", ")}`);
    }
    if (name === undefined) {
      for (const file of readdirSync(paths.logs).sort())
        process.stdout.write(`${path.join(paths.logs, file)}\n`);
      return 0;
    }
    const status = await openSsh([...sshArguments(paths, name), "journalctl --boot --no-pager"]);
    if (status !== 255) return status;
    process.stderr.write(`${name} does not answer; its console:\n`);
    process.stdout.write(readFileSync(machineFiles(paths, name).console, "utf8"));
    return 1;
  },
};
