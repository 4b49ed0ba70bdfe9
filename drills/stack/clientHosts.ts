import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { SshConnection } from "../../providers/ssh/session";

const host = z.strictObject({
  host: z.string(),
  port: z.number().int().min(1).max(65_535).default(22),
  user: z.string().default("root"),
  hostKey: z.string(),
  privateKeyFile: z.string(),
  /** The host's own address in its site. */
  address: z.ipv4(),
  /** The site's gateway, as the host knows it. */
  gateway: z.ipv4(),
});

/** A host of a site that isn't its gateway, on which a drill's clients may run. */
export interface ClientConnection {
  readonly connection: SshConnection;
  readonly address: string;
  readonly gateway: string;
}

/**
 * Reads the file that names a client host for each site.
 * @param wanted The sites. @throws Error that names the file, and what it lacks
 */
export function readClientHosts(file: string, wanted: readonly string[]): Record<string, ClientConnection> {
  try {
    const hosts = z.record(z.string(), host).parse(JSON.parse(readFileSync(file, "utf8")));
    const missing = wanted.filter((site) => !hosts[site]);
    if (missing.length > 0) throw new Error(`it has no host of ${missing.join(", ")}`);
    return Object.fromEntries(
      wanted.map((site) => {
        const { address, gateway, privateKeyFile, ...connection } = hosts[site]!;
        const privateKey = readFileSync(resolve(dirname(file), privateKeyFile), "utf8");
        return [site, { connection: { ...connection, privateKey }, address, gateway }];
      }),
    );
  } catch (error) {
    const cause =
      error instanceof z.ZodError
        ? error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ")
        : String(error);
    throw new Error(`--clients ${file}: it must hold a client host of each site: ${cause}`, { cause: error });
  }
}
