import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { remoteConnection } from "./connection";
import type { Host } from "./host";

export interface HostCommandArgs {
  readonly host: Host;
  /** Makes it so. Runs at the first deployment, and again when anything here changed. */
  readonly apply: pulumi.Input<string>;
  /** Takes it away. */
  readonly remove: pulumi.Input<string>;
  /** What both read. */
  readonly stdin: pulumi.Input<string>;
  /** Leaves the host as it is, as if it were out of service; a removal still takes it away. @default false */
  readonly untouched?: boolean;
}

/**
 * The one way in which components run something on a host: a remote command with a pinned host key that shows no output,
 * feeds none back, and is repeated for a machine that took the host's place.
 *
 * On a host that is out of service nothing is run. A command that the state has stays there as it is, whatever its inputs
 * are now, and a destroy forgets it without removing anything from the host. One that the state hasn't takes its place
 * there with nothing to run. Both are ordinary updates once the host is in service again.
 */
export class HostCommand extends command.remote.Command {
  /** Whether this deployment leaves the host as it is. */
  readonly leftAlone: boolean;

  constructor(name: string, args: HostCommandArgs, opts: pulumi.CustomResourceOptions = {}) {
    const { host, stdin, remove, untouched = false } = args;
    const leftAlone = host.outOfService || untouched;
    // A no-op to the shell: the command changes with the machine, and is run on the new one as an update. A replacement
    // would first run the old one's delete, over a connection that pins the lost machine's key.
    const apply =
      host.machine === 1
        ? args.apply
        : pulumi.output(args.apply).apply((run) => `: machine ${host.machine}; ${run}`);
    super(
      name,
      {
        connection: remoteConnection(host),
        ...(!leftAlone && { create: apply, update: apply, delete: remove, stdin }),
        logging: "none",
        addPreviousOutputInEnv: false,
      },
      pulumi.mergeOptions(opts, {
        // A replacement that someone forces has the same owner and the same generation before and after. Created first,
        // the new one would find nothing to do, and the old one's delete would then take everything away.
        deleteBeforeReplace: true,
        ...(leftAlone && { ignoreChanges: ["*"] }),
        ...(host.outOfService && { retainOnDelete: true }),
      }),
    );
    this.leftAlone = leftAlone;
  }
}
