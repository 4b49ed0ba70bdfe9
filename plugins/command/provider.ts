import { randomBytes } from "node:crypto";
import type { CheckResult, CreateResult, DiffResult, Provider, UpdateResult } from "@pulumi/pulumi/provider";
import { nested } from "../support/check";
import type { ResourceLog } from "../support/engineLog";
import { nameOf, ResourceFailure, typeOf } from "../support/failure";
import { containsSecret, differs, reveal, secret, secretStrings, type Properties } from "../support/values";
import { checkLocal, checkRemote, type CommandInputs, type LocalInputs, type RemoteInputs } from "./inputs";
import { runLocally, runRemotely, type Output, type Run } from "./run";

type Step = "create" | "update" | "delete";

/** Outputs that are not inputs. */
const outputNames: readonly string[] = ["stdout", "stderr"];

/** Shorter secrets, a `yes` or a digit, would turn all output into asterisks. */
const shortestRedaction = 8;

/** The parts of a connection that are secrets by nature; all of it is marked secret, its host's address too. */
const credentials: readonly string[] = ["privateKey", "privateKeyPassword", "password"];

/** Removes secrets from what is shown: whole values, and lines of longer ones such as keys and manifests. */
function redactor({ connection, ...rest }: Properties): (text: string) => string {
  const hidden = [...Object.values(rest), ...credentials.map((name) => secret(nested(connection)?.[name]))]
    .flatMap((value) => secretStrings(value))
    .flatMap((text) => [text, ...text.split("\n")])
    .filter((text) => text.trim().length >= shortestRedaction)
    .sort((one, other) => other.length - one.length);
  return (text) => hidden.reduce((shown, value) => shown.replaceAll(value, "[secret]"), text);
}

function lines(show: (line: string) => void): { push: (data: Buffer) => void; end: () => void } {
  let rest = "";
  return {
    push: (data) => {
      const parts = (rest + data.toString()).split("\n");
      rest = parts.pop()!;
      parts.forEach(show);
    },
    end: () => {
      if (rest) show(rest);
    },
  };
}

/** The pulumi `command` package's resources Command (remote and local), for machines that cannot have its own plugin. */
export class CommandProvider implements Provider {
  constructor(
    readonly version: string,
    private readonly log: ResourceLog,
  ) {}

  async check(urn: string, _olds: Properties, news: Properties): Promise<CheckResult> {
    const check = { "command:remote:Command": checkRemote, "command:local:Command": checkLocal }[typeOf(urn)];
    if (!check) {
      const reason =
        `this project's own command provider has no ${typeOf(urn)}; ` +
        `use the official plugin (CROSSBORDER_PLUGINS=official)`;
      return { inputs: news, failures: [{ property: "", reason }] };
    }
    return { inputs: news, failures: check(news) };
  }

  async diff(_id: string, _urn: string, olds: Properties, news: Properties): Promise<DiffResult> {
    const names = new Set(
      [...Object.keys(olds), ...Object.keys(news)].filter((name) => !outputNames.includes(name)),
    );
    const changed = [...names].filter((name) => differs(olds[name], news[name]));
    return { changes: changed.length > 0, replaces: changed.filter((name) => name === "triggers") };
  }

  async create(urn: string, inputs: Properties): Promise<CreateResult> {
    const id = `${nameOf(urn)}${randomBytes(4).toString("hex")}`;
    return { id, outs: await this.run("create", urn, inputs, undefined) };
  }

  async update(_id: string, urn: string, olds: Properties, news: Properties): Promise<UpdateResult> {
    return { outs: await this.run("update", urn, news, outputOf(olds)) };
  }

  async delete(_id: string, urn: string, state: Properties): Promise<void> {
    await this.run("delete", urn, state, outputOf(state));
  }

  /** Runs the command for a step, if there is one. @returns the resource's new outputs. */
  private async run(
    step: Step,
    urn: string,
    properties: Properties,
    previous: Output | undefined,
  ): Promise<Record<string, unknown>> {
    const inputs = reveal(properties) as CommandInputs;
    const command = step === "update" ? (inputs.update ?? inputs.create) : inputs[step];
    const output =
      command === undefined ? previous : await this.runCommand(step, command, urn, properties, previous);
    // What a command prints depends on all that it was given, so it is as secret as that.
    const given = Object.fromEntries(
      Object.entries(properties).filter(([name]) => !outputNames.includes(name)),
    );
    const mark = containsSecret(given) ? secret : (value: string): unknown => value;
    return { ...given, stdout: mark(output?.stdout ?? ""), stderr: mark(output?.stderr ?? "") };
  }

  private async runCommand(
    step: Step,
    command: string,
    urn: string,
    properties: Properties,
    previous: Output | undefined,
  ): Promise<Output> {
    const inputs = reveal(properties) as CommandInputs;
    const redact = redactor(properties);
    const shown = inputs.logging ?? "stdoutAndStderr";
    const show = (line: string): void => this.log(urn, redact(line));
    const streams = { stdout: lines(show), stderr: lines(show) };
    const run: Run = {
      command,
      previous: inputs.addPreviousOutputInEnv === false ? undefined : previous,
      onOutput: (stream, data) => {
        if (shown === stream || shown === "stdoutAndStderr") streams[stream].push(data);
      },
      warn: (message) => this.log(urn, message, "warning"),
    };
    const ended =
      typeOf(urn) === "command:remote:Command"
        ? await runRemotely(inputs as RemoteInputs, run)
        : await runLocally(inputs as LocalInputs, run);
    streams.stdout.end();
    streams.stderr.end();
    if (ended.failure !== undefined) {
      const said = redact(ended.stderr.trim() || ended.stdout.trim());
      throw new ResourceFailure(`the ${step} command ended with ${ended.failure}${said && `:\n${said}`}`);
    }
    return { stdout: ended.stdout.replace(/\n$/, ""), stderr: ended.stderr.replace(/\n$/, "") };
  }
}

function outputOf(state: Properties): Output {
  return {
    stdout: "",
    stderr: "",
    ...(reveal({ stdout: state["stdout"], stderr: state["stderr"] }) as Partial<Output>),
  };
}
