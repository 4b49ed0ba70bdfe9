import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type * as grpc from "@grpc/grpc-js";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ILanguageRuntimeServer } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as language from "@pulumi/pulumi/proto/language_pb";
import * as plugin from "@pulumi/pulumi/proto/plugin_pb";
import { unary } from "../grpc";
import { declaredDependencies, pulumiPackages } from "./packages";

/** The SDK's exit status for "failed, and the user has been told why". */
const exitAfterUserMessage = 32;

/** Options of the project's `runtime:` that this host honours; others are the official host's alone. */
interface RuntimeOptions {
  readonly typescript?: boolean;
  readonly tsconfig?: string;
  readonly nodeargs?: string;
}

function runtimeOptions(info: language.ProgramInfo | undefined): RuntimeOptions {
  return (info?.getOptions()?.toJavaScript() ?? {}) as RuntimeOptions;
}

function nodeArguments(options: RuntimeOptions): string[] {
  return options.nodeargs?.split(/\s+/).filter(Boolean) ?? [];
}

/** The SDK's own program runners, from the SDK of the program that is run. */
function sdkScript(programDirectory: string, name: "run" | "run-plugin" | "run-policy-pack"): string {
  return createRequire(join(programDirectory, "package.json")).resolve(`@pulumi/pulumi/cmd/${name}`);
}

function environment(options: RuntimeOptions, more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PULUMI_NODEJS_TYPESCRIPT: String(options.typescript ?? true),
    ...(options.tsconfig !== undefined && { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
    ...more,
  };
}

/** Runs a child whose output goes to a stream of responses; the call's end ends the child. */
function stream<Request, Response>(
  call: grpc.ServerWritableStream<Request, Response>,
  child: ChildProcess,
  wrap: { out: (data: Buffer) => Response; err: (data: Buffer) => Response; end: (status: number) => void },
): void {
  child.stdout!.on("data", (data: Buffer) => call.write(wrap.out(data)));
  child.stderr!.on("data", (data: Buffer) => call.write(wrap.err(data)));
  child.on("error", (error) => call.destroy(error));
  child.on("close", (code) => wrap.end(code ?? 255));
  call.on("cancelled", () => child.kill());
}

/**
 * The service that the engine asks to run programs. What only `pulumi new`, `convert` and package generation need is
 * answered with UNIMPLEMENTED by gRPC itself.
 * @param engineAddress Where the engine listens, `host:port`.
 */
export function languageRuntime(engineAddress: string): UntypedServiceImplementation {
  const programs = new Set<ChildProcess>();

  const run = (request: language.RunRequest): Promise<language.RunResponse> => {
    const info = request.getInfo();
    const options = runtimeOptions(info);
    const directory = info?.getProgramDirectory() || request.getPwd();
    const flags: Record<string, string> = {
      monitor: request.getMonitorAddress(),
      engine: engineAddress,
      organization: request.getOrganization(),
      project: request.getProject(),
      "root-directory": info?.getRootDirectory() ?? "",
      stack: request.getStack(),
      pwd: request.getPwd(),
      parallel: String(request.getParallel()),
    };
    const args = [
      ...nodeArguments(options),
      sdkScript(directory, "run"),
      ...Object.entries(flags).flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
      ...(request.getDryrun() ? ["--dry-run"] : []),
      info?.getEntryPoint() || request.getProgram() || ".",
      ...request.getArgsList(),
    ];
    const child = spawn(process.execPath, args, {
      cwd: request.getPwd() || directory,
      stdio: ["ignore", "inherit", "inherit"],
      env: environment(options, {
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      }),
    });
    programs.add(child);
    return new Promise((answer, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        programs.delete(child);
        const response = new language.RunResponse();
        if (code === exitAfterUserMessage) response.setBail(true);
        else if (code !== 0) response.setError(`the program ended with ${signal ?? `exit status ${code}`}`);
        answer(response);
      });
    });
  };

  const runPlugin: ILanguageRuntimeServer["runPlugin"] = (call) => {
    const request = call.request;
    const info = request.getInfo();
    const options = runtimeOptions(info);
    const directory = info?.getProgramDirectory() || request.getPwd();
    const isPolicyPack = request.getKind() === "analyzer";
    const program = resolve(directory, info?.getEntryPoint() || ".");
    const [first, ...rest] = request.getArgsList();
    // A policy pack is given the engine's address first and its own place second, a plugin the other way round.
    const args = isPolicyPack
      ? [first ?? engineAddress, program, ...rest]
      : [program, ...request.getArgsList()];
    const variables = request.getEnvList().map((entry) => entry.split(/=(.*)/s, 2) as [string, string]);
    const child = spawn(
      process.execPath,
      [
        ...nodeArguments(options),
        sdkScript(directory, isPolicyPack ? "run-policy-pack" : "run-plugin"),
        ...args,
      ],
      {
        cwd: isPolicyPack ? directory : request.getPwd() || directory,
        stdio: ["ignore", "pipe", "pipe"],
        env: environment(options, Object.fromEntries(variables)),
      },
    );
    stream(call, child, {
      out: (data) => new language.RunPluginResponse().setStdout(data),
      err: (data) => new language.RunPluginResponse().setStderr(data),
      end: (status) => {
        call.write(new language.RunPluginResponse().setExitcode(status));
        call.end();
      },
    });
  };

  const installDependencies: ILanguageRuntimeServer["installDependencies"] = (call) => {
    const child = spawn("npm", ["install", "--ignore-scripts"], {
      cwd: call.request.getDirectory(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    stream(call, child, {
      out: (data) => new language.InstallDependenciesResponse().setStdout(data),
      err: (data) => new language.InstallDependenciesResponse().setStderr(data),
      end: (status) => {
        if (status === 0) call.end();
        else call.destroy(new Error(`npm install ended with exit status ${status}`));
      },
    });
  };

  return {
    handshake: unary(() => new language.LanguageHandshakeResponse()),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(process.versions.node)),
    about: unary(() =>
      new language.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
    ),
    getRequiredPackages: unary((request: language.GetRequiredPackagesRequest) =>
      new language.GetRequiredPackagesResponse().setPackagesList(
        pulumiPackages(request.getInfo()?.getProgramDirectory() ?? process.cwd()),
      ),
    ),
    getProgramDependencies: unary((request: language.GetProgramDependenciesRequest) =>
      new language.GetProgramDependenciesResponse().setDependenciesList(
        declaredDependencies(request.getInfo()?.getProgramDirectory() ?? request.getPwd()).map(
          ([name, version]) => new language.DependencyInfo().setName(name).setVersion(version),
        ),
      ),
    ),
    runtimeOptionsPrompts: unary(() => new language.RuntimeOptionsResponse()),
    run: unary(run),
    runPlugin,
    installDependencies,
    // An empty message in, the same empty message back.
    cancel: unary((request: unknown) => {
      for (const child of programs) child.kill();
      return request;
    }),
  };
}
