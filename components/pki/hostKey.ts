import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HostCommand } from "../host/command";
import type { Host } from "../host/host";
import { asRoot, quoted } from "../host/installer";
import { dnsNameOf, keyPath } from "./paths";

export interface HostKeyArgs {
  readonly host: Host;
  /** Number of the key, 1 or more. Each number is a resource and a file of its own: old and new exist side by side. */
  readonly generation: number;
}

/**
 * A private key (EC, P-256) that is made on its host and never leaves it: one SSH connection, which brings back a
 * certificate request. A key that is there already is kept. Deleting the resource removes the key.
 */
export class HostKey {
  /** On the host. Mode 0600, root's. */
  readonly path: string;
  /**
   * PKCS#10, PEM. Nothing of it is secret. It is another text whenever the command runs again, since a signature is
   * random in part; its key is the same.
   */
  readonly request: pulumi.Output<string>;
  /** For `dependsOn`. */
  readonly resource: HostCommand;

  constructor(name: string, args: HostKeyArgs, opts: pulumi.CustomResourceOptions = {}) {
    const { host, generation } = args;
    this.path = keyPath(host.name, generation);
    const user = pulumi.unsecret(host.connection.apply((connection) => connection.user));
    const run = (...words: string[]) =>
      user.apply((as) => `${asRoot(as)}sh -s ${words.map(quoted).join(" ")}`);
    this.resource = new HostCommand(
      name,
      {
        host,
        apply: run("make", this.path, dnsNameOf(host.name, host.machine)),
        remove: run("remove", this.path),
        stdin: readFileSync(join(__dirname, "host-key.sh"), "utf8"),
      },
      opts,
    );
    // It is marked as secret as the connection that brought it.
    this.request = pulumi.unsecret(this.resource.stdout);
  }
}
