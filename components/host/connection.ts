import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host";

/** Seconds that one attempt to reach a host's SSH port may take. A healthy host across an ocean answers within one. */
const PER_DIAL_TIMEOUT_SECONDS = 15;

/** Attempts before a host counts as unreachable. OpenSSH refuses some of many simultaneous ones (MaxStartups). */
const DIAL_ERROR_LIMIT = 8;

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
