import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { remoteConnection } from "./connection";
import type { Host } from "./host";
import { bootstrapCommand, bootstrapRequest, generationOf, removeCommand } from "./installer";
import type { BootstrapOperation } from "./installer";
import type { Manifest } from "./manifest";

export interface HostConfigurationArgs {
  readonly host: Host;
  /** What the host shall agree with. Treated as a secret as a whole. Its secrets have to be long and random. */
  readonly manifest: pulumi.Input<Manifest>;
  /** `apply` makes it so; `stage` only puts it there, checked, for a TwoPhaseCommit to follow. */
  readonly phase: BootstrapOperation;
}

/**
 * One component's configuration of one host: a single remote command, thus a single SSH connection, that carries the
 * manifest to the installer. Every change is an update of this one resource; a host that agrees already is left alone.
 *
 * There are no triggers, ever: a changed trigger replaces, and the old one's delete would then remove what the new
 * one's create wrote.
 */
export class HostConfiguration {
  readonly host: Host;
  readonly component: pulumi.Output<string>;
  /** Digest of the manifest and the installer, by which the host knows this generation. Not a secret. */
  readonly generation: pulumi.Output<string>;
  /**
   * Changes exactly when the command was created anew, i.e. when the generation had been removed in between. A commit
   * takes it as an input, since the generation alone stays the same when a replacement is forced.
   */
  readonly staged: pulumi.Output<string>;
  /** For `dependsOn`. */
  readonly resource: command.remote.Command;

  /** @param name Unique in the stack; also how the host knows who may remove the component. */
  constructor(name: string, args: HostConfigurationArgs, opts: pulumi.CustomResourceOptions = {}) {
    const manifest = pulumi.output(args.manifest) as pulumi.Output<Manifest>;
    // What follows is derived from secrets but carries none: see generationOf.
    const user = pulumi.unsecret(args.host.connection.apply((connection) => connection.user));
    this.host = args.host;
    this.component = pulumi.unsecret(manifest.apply((value) => value.component));
    this.generation = pulumi.unsecret(manifest.apply(generationOf));

    const run = user.apply(bootstrapCommand);
    this.resource = new command.remote.Command(
      name,
      {
        connection: remoteConnection(args.host),
        create: run,
        update: run,
        delete: pulumi
          .all([user, this.component, this.generation])
          .apply(([account, component, generation]) => removeCommand(account, component, name, generation)),
        stdin: pulumi.secret(
          pulumi
            .all([manifest, this.generation])
            .apply(([value, generation]) => bootstrapRequest(args.phase, name, generation, value)),
        ),
        logging: "none",
        addPreviousOutputInEnv: false,
      },
      pulumi.mergeOptions(opts, {
        // A replacement that someone forces has the same owner and the same generation before and after. Created first,
        // the new one would find nothing to do, and the old one's delete would then take everything away.
        deleteBeforeReplace: true,
        additionalSecretOutputs: ["stdin"],
      }),
    );
    this.staged = this.resource.id;
  }
}
