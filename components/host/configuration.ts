import * as pulumi from "@pulumi/pulumi";
import { HostCommand } from "./command";
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
  /** Leaves this part of the host as it is, e.g. because it is about a site that is out of service. @default false */
  readonly untouched?: boolean;
}

/** The generation of a host that has never been given one. */
export const NO_GENERATION = "none";

/** What a host was given when it was last in service. */
function generationGiven(stdin: string | undefined): string {
  return stdin === undefined ? NO_GENERATION : (JSON.parse(stdin) as { generation: string }).generation;
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
   * the host has it. Of a host that is left as it is, the one that it was given last, or NO_GENERATION.
   */
  readonly generation: pulumi.Output<string>;
  /**
   * Changes exactly when the host lost what was staged: the command was created anew, i.e. the generation had been removed
   * in between, or another machine is the host. A commit takes it as an input, since the generation alone stays the same.
   */
  readonly staged: pulumi.Output<string>;
  /** Stands for what the host has: changes with the generation, and with the machine. Known once the host has it. */
  readonly fingerprint: pulumi.Output<string>;
  /** For `dependsOn`. */
  readonly resource: HostCommand;

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
    this.resource = new HostCommand(
      name,
      {
        host,
        apply: user.apply(bootstrapCommand),
        remove: pulumi
          .all([user, generation])
          .apply(([as, digest]) => removeCommand(as, component, name, digest)),
        stdin: pulumi.secret(
          pulumi
            .all([manifest, generation])
            .apply(([value, digest]) => bootstrapRequest(phase, name, digest, value)),
        ),
        untouched: args.untouched,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["stdin"] }),
    );
    this.host = host;
    this.component = component;
    const { id, stdin, leftAlone } = this.resource;
    this.staged = host.machine === 1 ? id : id.apply((known) => `${known}.${host.machine}`);
    this.generation = leftAlone
      ? pulumi.unsecret(stdin.apply(generationGiven))
      : pulumi.all([generation, id]).apply(([digest]) => digest);
    this.fingerprint =
      host.machine === 1 ? this.generation : this.generation.apply((digest) => `${digest}.${host.machine}`);
  }
}
