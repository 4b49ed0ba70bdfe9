import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Image } from "../image/cache";
import { writeAtomically } from "../state";
import { until } from "./process";
import { type Accelerator, baseArguments, emulator } from "./qemu";

/** A kernel that really runs says its first words at once, and mounts its disk soon after. */
const firstWordsMs = 5_000;
const diskMountedMs = 20_000;

function recordOf(cache: string): string {
  return path.join(cache, "acceleration.json");
}

function keyOf(image: Image): string {
  return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${image.hash}`;
}

/** How machines of that image run on this host, where it had to be tried; undefined where it hasn't been, or needn't. */
export function chosenAccelerator(image: Image, cache: string): Accelerator | undefined {
  const record = recordOf(cache);
  if (!existsSync(record)) return undefined;
  const known = JSON.parse(readFileSync(record, "utf8")) as Record<string, unknown>;
  const { accelerator } = known;
  return known["key"] === keyOf(image) && (accelerator === "kvm" || accelerator === "tcg")
    ? accelerator
    : undefined;
}

/**
 * Decides how machines run. Hardware acceleration that opens is not yet hardware acceleration that works: guests may
 * hang or abort on it, so it is used only after it booted the golden image to the point where its disk is mounted. The
 * answer holds until the host boots again.
 * @param say Told, in one line, when a host that offers acceleration is not able to boot with it.
 */
export async function chooseAccelerator(
  image: Image,
  cache: string,
  say: (line: string) => void,
): Promise<Accelerator> {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch {
    return "tcg";
  }
  const answer = chosenAccelerator(image, cache);
  const accelerator: Accelerator = answer ?? ((await boots(image)) ? "kvm" : "tcg");
  if (answer === undefined) {
    writeAtomically(recordOf(cache), JSON.stringify({ key: keyOf(image), accelerator }) + "\n", 0o644);
    if (accelerator === "tcg") {
      say("/dev/kvm is there but a machine does not boot with it: emulating the processor instead");
    }
  }
  return accelerator;
}

async function boots(image: Image): Promise<boolean> {
  const directory = mkdtempSync(path.join(tmpdir(), "crossborder-kvm-"));
  const console = path.join(directory, "console");
  const child = spawn(
    emulator,
    [
      ...baseArguments("kvm", "la", image, console, "systemd.unit=emergency.target"),
      "-no-reboot",
      ...["-drive", `if=none,id=d0,file=${image.disk},format=raw,snapshot=on`],
      ...["-device", "virtio-blk-pci,drive=d0"],
    ],
    { stdio: "ignore" },
  );
  let ended = false;
  child.on("error", () => (ended = true)).on("exit", () => (ended = true));
  const saw = (words: string): boolean =>
    existsSync(console) && readFileSync(console, "utf8").includes(words);
  try {
    await until(() => ended || saw("Linux version"), firstWordsMs);
    if (ended || !saw("Linux version")) return false;
    await until(() => ended || saw("EXT4-fs (vda): mounted"), diskMountedMs);
    return saw("EXT4-fs (vda): mounted") && !ended;
  } finally {
    child.kill("SIGKILL");
    await until(() => ended, 5_000);
    rmSync(directory, { recursive: true, force: true });
  }
}
