import * as pulumi from "@pulumi/pulumi";
import type { Host } from "../../../components/host/host";
import type { Manifest } from "../../../components/host/manifest";
import { ExistingSite } from "../../../components/sites/existing";
import type { SshConnection } from "../../../providers/ssh/session";
import { parseSettings } from "../../../settings/parse";
import type { Settings } from "../../../settings/schema";
import { plain, type Registered } from "./recorder";

/** Long enough to be found where it must not be. */
export const privateKey = "a-private-key-that-nobody-may-see";

export function connectionTo(host: string, set: Partial<SshConnection> = {}): SshConnection {
  return { host, port: 22, user: "root", privateKey, hostKey: `ssh-ed25519 ${host}`, ...set };
}

export function hostOf(name: string, set: Partial<SshConnection> = {}): Host {
  return {
    name,
    site: name.split("-")[0]!,
    family: "debian",
    privateAddress: "10.10.0.2",
    underlay: { interface: "net0", mtu: 1500 },
    outOfService: false,
    machine: 1,
    connection: pulumi.secret(connectionTo(name, set)),
  };
}

/** A manifest with one secret file. */
export function manifestOf(component: string, secret: string): Manifest {
  return {
    component,
    packages: [],
    files: [{ path: "/etc/thing/secret", content: secret, mode: "0600" }],
    sysctl: {},
    checks: [],
    units: [],
    teardown: [],
    verify: [],
  };
}

/** The two sites of some settings. */
export function sitesOf(raw: Readonly<Record<string, unknown>>): {
  settings: Settings;
  sites: ExistingSite[];
} {
  const settings = parseSettings(raw);
  const sites = Object.entries(settings.sites).map(
    ([name, site]) =>
      new ExistingSite(name, {
        settings: site,
        connections: Object.fromEntries(
          site.existing!.gateways.map((gateway) => [
            `${name}-${gateway.name}`,
            connectionTo(`${name}-${gateway.name}`),
          ]),
        ),
      }),
  );
  return { settings, sites };
}

/** What a remote command sends to the installer. */
export interface Request {
  readonly op: string;
  readonly owner: string;
  readonly generation: string;
  readonly manifest: Manifest;
  readonly installer: string;
}

export function requestOf(resource: Registered): Request {
  return JSON.parse(plain(resource.inputs["stdin"]) as string) as Request;
}

export function fileOf({ manifest }: Request, path: string): string {
  const file = manifest.files.find((candidate) => candidate.path === path);
  if (!file) throw new Error(`the manifest has no ${path}`);
  return file.content;
}
