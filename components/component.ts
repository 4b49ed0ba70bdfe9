import * as pulumi from "@pulumi/pulumi";

/**
 * Base of the program's components: a name, a type under `crossborder`, and children that carry both their parent and
 * its name.
 */
export abstract class Component extends pulumi.ComponentResource {
  protected constructor(
    kind: string,
    protected readonly componentName: string,
    args: pulumi.Inputs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(`crossborder:index:${kind}`, componentName, args, options);
  }

  /** Name of a child: the component's own, and what the child is. */
  protected childName(suffix: string): string {
    return `${this.componentName}-${suffix}`;
  }

  /** Options of a child. */
  protected child(options: pulumi.CustomResourceOptions = {}): pulumi.CustomResourceOptions {
    return { ...options, parent: this };
  }
}
