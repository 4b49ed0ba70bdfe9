import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { remoteConnection } from "./connection";
import type { Host } from "./host";
import { bootstrapCommand, bootstrapRequest, generationOf, removeCommand } from "./installer";
import type { BootstrapOperation } from "./installer";
import type { Manifest } from "./manifest";

export interface HostConfigurationArgs {
  readonly host: Host;
  /** The manifest's component. */
  readonly component: string;
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
  readonly component: string;
  /**
   * Digest of the manifest and the installer, by which the host knows this generation. Not a secret. Known only once
   * the host has it.
   */
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
    const { host, component, phase } = args;
    const manifest = pulumi.output(args.manifest).apply((value) => {
      if (value.component === component) return value;
      throw new Error(`${name}: the manifest is of component ${value.component}, not of ${component}`);
    });
    // What follows is derived from secrets but carries none: see generationOf.
    const user = pulumi.unsecret(host.connection.apply((connection) => connection.user));
    const generation = pulumi.unsecret(manifest.apply(generationOf));
    const run = user.apply(bootstrapCommand);
    this.resource = new command.remote.Command(
      name,
      {
        connection: remoteConnection(host),
        create: run,
        update: run,
        delete: pulumi
          .all([user, generation])
          .apply(([as, digest]) => removeCommand(as, component, name, digest)),
        stdin: pulumi.secret(
          pulumi
            .all([manifest, generation])
            .apply(([value, digest]) => bootstrapRequest(phase, name, digest, value)),
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
    this.host = host;
    this.component = component;
    this.staged = this.resource.id;
    this.generation = pulumi.all([generation, this.resource.id]).apply(([digest]) => digest);
  }
}
