import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/schema";

/** Whether a cloud has something of a stack that `protect` is about. */
function hasProtected({ sites, traffic }: Pick<Settings, "sites" | "traffic">): boolean {
  return traffic !== "off" || Object.values(sites).some(({ existing }) => existing === undefined);
}

/**
 * Has a protected stack refuse its destruction before anything is touched. The engine refuses a protected resource only when
 * its turn comes, and what depends on it comes first: the link and all that runs on the hosts would be gone by then. This
 * resource depends on everything, so that its turn is the first. It is nothing but an entry in the state.
 * @param everything What the stack has, components with their children.
 */
export function protectFromDestruction(
  settings: Pick<Settings, "protect" | "sites" | "traffic">,
  everything: readonly (pulumi.Resource | undefined)[],
): void {
  if (!hasProtected(settings)) return;
  new pulumi.Stash(
    "protection",
    { input: "A destruction begins here. crossborder:protect: false and one deployment before it." },
    { protect: settings.protect, dependsOn: everything.flatMap((resource) => resource ?? []) },
  );
}
