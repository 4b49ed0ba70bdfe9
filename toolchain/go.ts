import { spawnSync } from "node:child_process";
import { findOnPath, MissingPrerequisite } from "./system";

/** Oldest Go that compiles Pulumi, from the `go` lines of cli/go.mod and sdk/go.mod. */
const oldestGo = [1, 25] as const;

/** A Go to compile with. */
export interface Go {
  readonly path: string;
  /** What its builds need: the go.mod and go.sum as they are committed, and a newer Go if this one is too old. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Finds Go.
 * @param why What can't be done without it, as the first half of a sentence, and `or` what else would do.
 * @throws MissingPrerequisite
 */
export function findGo(why: string, or: string): Go {
  const advice =
    `${why}, which takes Go ${oldestGo.join(".")} or newer (or 1.21 or newer with GOTOOLCHAIN=auto and a Go module ` +
    `proxy): https://go.dev/dl. ${or}`;
  const path = findOnPath("go", `${process.env["PATH"] ?? ""}:/usr/local/go/bin:/usr/lib/go/bin`);
  if (!path) throw new MissingPrerequisite(advice);
  const version = spawnSync(path, ["env", "GOVERSION"], { encoding: "utf8" }).stdout.trim();
  const [major = NaN, minor = NaN] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  // Since 1.21 a Go that is too old fetches the one that go.mod asks for, if GOTOOLCHAIN lets it.
  if (major < 1 || (major === 1 && minor < 21)) {
    throw new MissingPrerequisite(`${path} is ${version || "of an unknown version"}. ${advice}`);
  }
  const isTooOld = major === oldestGo[0] && minor < oldestGo[1];
  return {
    path,
    env: {
      ...process.env,
      CGO_ENABLED: "0",
      GOFLAGS: "-trimpath -mod=readonly -buildvcs=false",
      GOWORK: "off",
      ...(isTooOld && { GOTOOLCHAIN: "auto" }),
    },
  };
}
