import type { HostFile, Manifest } from "../../../components/host/manifest";

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

/** A file that a manifest has to have. */
export function file({ files }: Manifest, path: string): HostFile {
  const found = files.find((candidate) => candidate.path === path);
  if (!found) throw new Error(`the manifest has no ${path}`);
  return found;
}

/** Reads what is in files of a manifest, or of one that is named. */
export function reader(manifest: Manifest): (path: string, from?: Manifest) => string {
  return (path, from = manifest) => file(from, path).content;
}

/** What a test gives to a manifest as the operator's webhook. */
export const webhook = "https://hooks.example.com/a-token";

/** The test that a manifest keeps the webhook in one file that only root can read. */
export function testWebhook(manifest: Manifest, holder: string): void {
  test("the webhook stands in one file for root alone and nowhere else", () => {
    const { files, ...rest } = manifest;
    const holders = files.filter(({ content }) => content.includes(webhook));
    expect(holders.map(({ path, mode }) => [path, mode])).toEqual([[holder, "0600"]]);
    expect(JSON.stringify(rest)).not.toContain(webhook);
  });
}
