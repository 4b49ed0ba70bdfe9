import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host";

/** Seconds that one attempt to reach a host's SSH port may take. A healthy host across an ocean answers within one. */
export const PER_DIAL_TIMEOUT_SECONDS = 8;

/**
 * Failed attempts that are forgiven before a host counts as unreachable. OpenSSH refuses some of many simultaneous ones
 * (MaxStartups), which costs next to nothing; a host that is dead or hangs costs the whole time of each: a minute in all, with
 * the pauses between them.
 */
export const DIAL_ERROR_LIMIT = 6;

/** The connection of every remote command to a host. The host key is always pinned. Secret. */
export function remoteConnection(host: Host): pulumi.Output<command.types.input.remote.ConnectionArgs> {
  return pulumi.secret(
    host.connection.apply((connection) => ({
      host: connection.host,
      port: connection.port,
      user: connection.user,
      privateKey: connection.privateKey,
      hostKey: connection.hostKey,
      perDialTimeout: PER_DIAL_TIMEOUT_SECONDS,
      dialErrorLimit: DIAL_ERROR_LIMIT,
    })),
  );
}
