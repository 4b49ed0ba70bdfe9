import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = join(__dirname, "../../../../components/postgres/clock/clock_pace.sh");

let bin: string;

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "crossborder-pace-"));
  // The output of chrony 4.3, without the columns that nobody reads.
  tool(
    "chronyc",
    `#!/bin/sh\n[ "$*" = "-n -c sources" ] && exec cat ${bin}/sources\necho "$*" >>${bin}/told\n`,
  );
  tool("sleep", "#!/bin/sh\nexit 0\n");
});
afterEach(() => rmSync(bin, { recursive: true, force: true }));

function tool(name: string, text: string): void {
  writeFileSync(join(bin, name), text);
  chmodSync(join(bin, name), 0o755);
}

function pace(sources: string): { status: number | null; stderr: string; told: string[] } {
  writeFileSync(join(bin, "sources"), sources);
  const { status, stderr } = spawnSync("sh", [program, "3", "5", "0.1"], {
    encoding: "utf8",
    env: { PATH: `${bin}:${process.env["PATH"]}` },
  });
  const told = existsSync(join(bin, "told"))
    ? readFileSync(join(bin, "told"), "utf8").trim().split("\n")
    : [];
  return { status, stderr, told };
}

test("every source of the host is asked often, and chrony steps at any time; a clock of its own has no polling", () => {
  const found = pace("#,?,PHC0,0,4,0\n^,*,169.254.169.254,2,6,377\n=,?,10.0.0.7,3,6,1\n");
  expect(found).toEqual({
    status: 0,
    stderr: "",
    told: [
      "makestep 0.1 -1",
      ...["minpoll 169.254.169.254 3", "maxpoll 169.254.169.254 5"],
      ...["minpoll 10.0.0.7 3", "maxpoll 10.0.0.7 5"],
    ],
  });
});

test("a chrony without a source is told of: the site would take no writes", () => {
  const { status, stderr, told } = pace("");
  expect([status, told]).toEqual([1, []]);
  expect(stderr).toContain("chrony has no source of time: name one in its configuration");
});
