import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { HostConfiguration } from "../../../components/host/configuration";
import type { Host } from "../../../components/host/host";
import type { Manifest } from "../../../components/host/manifest";
import { TwoPhaseCommit } from "../../../components/host/twoPhaseCommit";
import type { SshConnection } from "../../../providers/ssh/session";

/** What the tests' program deploys. It reads it as JSON from the file that PLAN names. */
export interface Plan {
  readonly configurations: readonly {
    readonly name: string;
    /** An earlier name of the resource. */
    readonly alias?: string;
    readonly host: string;
    readonly connection: SshConnection;
    readonly manifest: Manifest;
    readonly outOfService?: boolean;
    readonly machine?: number;
  }[];
  /** Commits all configurations together; without it each is applied by itself. */
  readonly commit?: { readonly confirmWithinSeconds: number; readonly readyWithinSeconds: number };
}

/** The program: host configurations and, if the plan says so, their common commit. */
export function deploy(): void {
  const plan = JSON.parse(readFileSync(process.env["PLAN"]!, "utf8")) as Plan;
  const configurations = plan.configurations.map((configuration) => {
    const { name, alias, host, connection, manifest, outOfService = false, machine = 1 } = configuration;
    const described: Host = {
      name: host,
      site: host,
      family: "debian",
      privateAddress: "127.0.0.1",
      underlay: { interface: "lo", mtu: 1500 },
      outOfService,
      machine,
      connection: pulumi.secret(connection),
    };
    return new HostConfiguration(
      name,
      {
        host: described,
        component: manifest.component,
        manifest: pulumi.secret(manifest),
        phase: plan.commit ? "stage" : "apply",
      },
      alias ? { aliases: [{ name: alias }] } : {},
    );
  });
  if (plan.commit) new TwoPhaseCommit("commit", { hosts: configurations, ...plan.commit });
}
