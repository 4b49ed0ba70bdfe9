import { spawn } from "node:child_process";
import { connect, SshError, type Session } from "../../providers/ssh/session";
import { ResourceFailure } from "../support/failure";
import { withConnectionDefaults, type Connection, type LocalInputs, type RemoteInputs } from "./inputs";

/** What a command printed. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Surroundings of one run. */
export interface Run {
  readonly command: string;
  /** Output of the command before, offered in PULUMI_COMMAND_STDOUT and PULUMI_COMMAND_STDERR. */
  readonly previous: Output | undefined;
  /** Is given the output while it comes. */
  readonly onOutput: (stream: "stdout" | "stderr", data: Buffer) => void;
  readonly warn: (message: string) => void;
}

interface Ended extends Output {
  /** What happened, such as `exit status 1`, when it was not success. */
  readonly failure: string | undefined;
}

function previousOutput(previous: Output | undefined): Record<string, string> {
  return {
    ...(previous?.stdout && { PULUMI_COMMAND_STDOUT: previous.stdout }),
    ...(previous?.stderr && { PULUMI_COMMAND_STDERR: previous.stderr }),
  };
}

/** Runs a command on this machine. @throws ResourceFailure when it cannot be started. */
export function runLocally(inputs: LocalInputs, run: Run): Promise<Ended> {
  const [program, ...args] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  return new Promise((resolve, reject) => {
    const child = spawn(program!, [...args, run.command], {
      cwd: inputs.dir,
      env: { ...process.env, ...inputs.environment, ...previousOutput(run.previous) },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (data: Buffer) => {
      out.push(data);
      run.onOutput("stdout", data);
    });
    child.stderr.on("data", (data: Buffer) => {
      err.push(data);
      run.onOutput("stderr", data);
    });
    child.on("error", (error) =>
      reject(new ResourceFailure(`${program} cannot be started: ${error.message}`)),
    );
    child.on("close", (status, signal) =>
      resolve({
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
        failure: status === 0 ? undefined : signal ? `signal ${signal}` : `exit status ${status}`,
      }),
    );
    // A command may end without reading its input.
    child.stdin.on("error", () => undefined);
    child.stdin.end(inputs.stdin ?? "");
  });
}

/** Waits between attempts to reach a host grow from the first to the last of these. */
const firstRetryMs = 100;
const lastRetryMs = 5_000;
const retryFactor = 1.5;

/**
 * Connects, forgiving as many failures as the connection allows. A host with another key than the pinned one is never
 * tried again: waiting does not make it the right host.
 */
async function dial(given: Partial<Connection>): Promise<Session> {
  const connection = withConnectionDefaults(given);
  for (let failures = 0, waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * retryFactor, lastRetryMs)) {
    try {
      // The official plugin reads 0 as no limit.
      const dialTimeoutMs = connection.perDialTimeout > 0 ? connection.perDialTimeout * 1000 : 0;
      return await connect(connection, { dialTimeoutMs });
    } catch (error) {
      failures++;
      const isFinal =
        !(error instanceof SshError) ||
        error.failure === "host-key-mismatch" ||
        (connection.dialErrorLimit >= 0 && failures > connection.dialErrorLimit);
      if (isFinal) {
        const attempts = failures > 1 ? ` (attempt ${failures})` : "";
        throw new ResourceFailure(`${(error as Error).message}${attempts}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Which of the variables the host's SSH server does not let through. */
async function refusedVariables(
  session: Session,
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const names = Object.keys(environment);
  if (names.length === 0) return [];
  const tests = names.map((name) => `[ -n "\${${name}+set}" ] || echo ${name}`).join("; ");
  const { stdout } = await session.exec(tests, { environment });
  return stdout.split("\n").filter(Boolean);
}

/** Runs a command over SSH. @throws ResourceFailure when the host cannot be reached or refuses. */
export async function runRemotely(inputs: RemoteInputs, run: Run): Promise<Ended> {
  const session = await dial(inputs.connection);
  try {
    const previous = previousOutput(run.previous);
    const environment = { ...inputs.environment, ...previous };
    const refused = await refusedVariables(session, environment);
    const advice = "the host's SSH server takes only the variables that AcceptEnv in its sshd_config names";
    const needed = refused.filter((name) => !(name in previous));
    if (needed.length > 0) throw new ResourceFailure(`${needed.join(", ")} cannot be set: ${advice}`);
    if (refused.length > 0) run.warn(`${refused.join(", ")} cannot be set: ${advice}`);
    const { status, stdout, stderr } = await session.exec(run.command, {
      stdin: inputs.stdin,
      environment,
      timeoutMs: Infinity,
      onOutput: run.onOutput,
    });
    return { stdout, stderr, failure: status === 0 ? undefined : `exit status ${status}` };
  } catch (error) {
    throw error instanceof SshError ? new ResourceFailure(error.message) : error;
  } finally {
    session.close();
  }
}
