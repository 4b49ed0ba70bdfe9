import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { spawn } from "node:child_process";

/** How often a long step says that it is alive where lines cannot be redrawn. */
const heartbeatMs = 15_000;
const redrawMs = 200;

/** What a running step can tell and do. */
export interface Step {
  /** Shows where the step stands, e.g. `212 of 600 packages`. */
  progress(text: string): void;
  /**
   * Runs a program whose output goes to the step's log.
   * @param options.stdin Sent to the program's standard input, which is otherwise empty.
   * @throws Error with the last lines of the output when the exit status is not 0.
   */
  run(
    command: string,
    args: readonly string[],
    options?: { cwd?: string; env?: NodeJS.ProcessEnv; stdin?: string },
  ): Promise<void>;
}

/** `8s`, `1m20s`, `1h05m`. */
export function formatElapsed(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}

/**
 * Does one thing that takes time and shows it on stderr: its name, how far it is, how long it takes, and where its log
 * is. Call it only when something is really to be done, so that a run with nothing to do prints nothing.
 * @param options.log Path of the step's log file; started afresh, its directory made when missing.
 */
export async function step<T>(
  name: string,
  options: { log?: string },
  work: (step: Step) => Promise<T>,
): Promise<T> {
  const started = Date.now();
  const elapsed = (): string => formatElapsed(Date.now() - started);
  const display = process.stderr.isTTY ? terminalLine(name, elapsed) : plainLines(name, elapsed);
  const log = options.log === undefined ? undefined : openLog(options.log);
  display.start(options.log);
  try {
    const result = await work({
      progress: display.progress,
      run: (command, args, runOptions = {}) => run(command, args, { ...runOptions, log }),
    });
    display.end(`done (${elapsed()})`);
    return result;
  } catch (error) {
    display.end(
      `failed after ${elapsed()}${options.log === undefined ? "" : `; the whole log is ${options.log}`}`,
    );
    throw error;
  } finally {
    if (log !== undefined) closeSync(log.file);
  }
}

interface Display {
  start(log: string | undefined): void;
  progress(text: string): void;
  end(outcome: string): void;
}

function plainLines(name: string, elapsed: () => string): Display {
  let at = "";
  let beat: NodeJS.Timeout;
  const say = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
  return {
    start: (log) => {
      say(log === undefined ? "started" : `started, log in ${log}`);
      beat = setInterval(() => say(`still working (${elapsed()})${at && `, ${at}`}`), heartbeatMs);
    },
    progress: (text) => (at = text),
    end: (outcome) => {
      clearInterval(beat);
      say(outcome);
    },
  };
}

function terminalLine(name: string, elapsed: () => string): Display {
  let at = "";
  let beat: NodeJS.Timeout;
  const draw = (text: string, end = ""): void => {
    const width = (process.stderr.columns || 80) - 1;
    process.stderr.write(`\r\x1b[K${end ? text : text.slice(0, width)}${end}`);
  };
  return {
    start: (log) => {
      if (log !== undefined) draw(`${name}: log in ${log}`, "\n");
      beat = setInterval(() => draw(`${name}: ${elapsed()}${at && `, ${at}`}`), redrawMs);
    },
    progress: (text) => (at = text),
    end: (outcome) => {
      clearInterval(beat);
      draw(`${name}: ${outcome}`, "\n");
    },
  };
}

interface Log {
  readonly path: string;
  readonly file: number;
}

function openLog(path: string): Log {
  mkdirSync(dirname(path), { recursive: true });
  return { path, file: openSync(path, "w") };
}

/** How much of a failed program's output its error quotes, in lines. */
const quotedLines = 15;

function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; stdin?: string; log: Log | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const output = options.log?.file ?? "ignore";
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.stdin === undefined ? "ignore" : "pipe", output, output],
    });
    child.on("error", (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.on("close", (status, signal) => {
      if (status === 0) return resolve();
      const tail = options.log
        ? `\n${readFileSync(options.log.path, "utf8").trimEnd().split("\n").slice(-quotedLines).join("\n")}`
        : "";
      reject(new Error(`${command} ended with ${signal ?? `exit status ${status}`}${tail}`));
    });
    child.stdin?.end(options.stdin);
  });
}
