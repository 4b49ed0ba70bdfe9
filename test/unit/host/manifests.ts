import type { Manifest } from "../../../components/host/manifest";

/** A manifest that wants nothing, but what is given. */
export function manifest(parts: Partial<Manifest> = {}): Manifest {
  return {
    component: "link",
    packages: [],
    files: [],
    sysctl: {},
    checks: [],
    units: [],
    teardown: [],
    verify: [],
    ...parts,
  };
}
