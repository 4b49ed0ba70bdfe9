import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const COMPONENTS = join(__dirname, "../../../components/postgres");
const FOLDERS = ["monitor", "clock", "conflicts", "wal", "backup", "pair", "../host"].map((folder) =>
  join(COMPONENTS, folder),
);

/**
 * psql with a database of its own: answers by what a statement contains, and keeps the conflicts that are inserted, each
 * key once. What it was told is in `statements`.
 */
const PSQL = `#!/usr/bin/env python3
import json, os, re, sys
root = os.environ["STUB_ROOT"]
sql = sys.stdin.read()
with open(root + "/statements", "a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "sql": sql, "options": os.environ.get("PGOPTIONS", "")}) + "\\n")
if os.path.exists(root + "/down"):
    sys.exit('psql: error: connection to server on socket failed: No such file or directory')
answers = json.load(open(root + "/answers.json"))
if "insert into crossborder.conflict" in sql:
    text = re.search(r"jsonb_to_recordset\\(E'(.*?)'::jsonb\\)", sql, re.S).group(1)
    rows = json.loads(text.replace("''", "'").replace("\\\\\\\\", "\\\\"))
    table = json.load(open(root + "/conflicts.json"))
    counted = {}
    for row in rows:
        if row["event_key"] not in {known["event_key"] for known in table}:
            table.append(row)
            name = (row["kind"], row["resolution"])
            counted[name] = counted.get(name, 0) + 1
    json.dump(table, open(root + "/conflicts.json", "w"))
    print(json.dumps([[kind, resolution, count] for (kind, resolution), count in counted.items()]))
for needle, answer in answers.items():
    if needle in sql:
        print(answer)
`;

/** A statement that the stub was given. */
export interface Statement {
  readonly argv: string[];
  readonly sql: string;
  readonly options: string;
}

/** A database's host in a directory: stub tools first on PATH, and the programs as they are installed. */
export class DatabaseHost {
  readonly root = mkdtempSync(join(tmpdir(), "crossborder-postgres-"));
  readonly logDirectory = join(this.root, "log");
  readonly stateFile = join(this.root, "state", "state.json");
  readonly metricsFile = join(this.root, "metrics", "service.prom");
  private readonly bin = join(this.root, "bin");
  private readonly configuration = join(this.root, "configuration.json");
  private settings: Record<string, unknown> = {
    site: "la",
    host: "la-gw1",
    database: { socket: "/var/run/postgresql", port: 5432, database: "app", role: "crossborder_monitor" },
    stateFile: this.stateFile,
    metricsFile: this.metricsFile,
    webhook: null,
  };

  constructor(settings: Record<string, unknown> = {}) {
    for (const directory of [this.bin, this.logDirectory]) mkdirSync(directory);
    this.tool("psql", PSQL);
    this.write("conflicts.json", "[]");
    this.answer({});
    this.configure(settings);
  }

  configure(settings: Record<string, unknown>): void {
    this.settings = { ...this.settings, ...settings };
    writeFileSync(this.configuration, JSON.stringify(this.settings));
  }

  tool(name: string, text: string): void {
    writeFileSync(join(this.bin, name), text);
    chmodSync(join(this.bin, name), 0o755);
  }

  write(name: string, content: string | Buffer): void {
    writeFileSync(join(this.root, name), content);
  }

  /** What psql answers to a statement, by a part of the statement. */
  answer(answers: Record<string, string>): void {
    this.write("answers.json", JSON.stringify(answers));
  }

  /** Stops or starts the server. */
  set serverDown(down: boolean) {
    if (down) this.write("down", "");
    else rmSync(join(this.root, "down"), { force: true });
  }

  /** Runs a program of the host; resolves with its exit status and what went to the journal. */
  run(program: string, verb = "once", ...more: string[]): Promise<{ status: number; journal: string }> {
    return this.python([this.path(program), verb, this.configuration, ...more]).then(
      ({ status, stderr }) => ({
        status,
        journal: stderr,
      }),
    );
  }

  /** Runs a few lines of Python that may import the programs, and gives what they print. */
  async evaluate<T>(script: string, input: unknown): Promise<T> {
    const { status, stdout, stderr } = await this.python(["-c", script, JSON.stringify(input)]);
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as T;
  }

  private path(program: string): string {
    return FOLDERS.map((folder) => join(folder, program)).find(existsSync)!;
  }

  private python(args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const env = {
      PATH: `${this.bin}:${process.env["PATH"]}`,
      PYTHONPATH: FOLDERS.join(delimiter),
      PYTHONDONTWRITEBYTECODE: "1",
      STUB_ROOT: this.root,
    };
    return new Promise((resolve) =>
      execFile("python3", args, { env }, (error, stdout, stderr) =>
        resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
      ),
    );
  }

  statements(): Statement[] {
    const file = join(this.root, "statements");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Statement);
  }

  conflicts(): Record<string, unknown>[] {
    return JSON.parse(readFileSync(join(this.root, "conflicts.json"), "utf8")) as Record<string, unknown>[];
  }

  state(): Record<string, unknown> {
    return JSON.parse(readFileSync(this.stateFile, "utf8")) as Record<string, unknown>;
  }

  metrics(): string {
    return readFileSync(this.metricsFile, "utf8");
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
