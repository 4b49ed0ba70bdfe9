import type { HostOutput } from "../outputs/contract";
import type { SshConnection } from "../providers/ssh/session";
import type { ConnectedSettings } from "../settings/load";
import type { SettingChange } from "../settings/stack";

/** Why nothing was done. The message says what to do instead. */
export class Refused extends Error {
  override readonly name = "Refused";
}

/** A host of the settings, which is to be replaced. */
export interface Place {
  /** `<site>-<gateway>`. */
  readonly host: string;
  readonly site: string;
  /** Name of the host within its site. */
  readonly gateway: string;
  /** How the settings say that it is reached. */
  readonly connection: SshConnection;
  /** Number of the machine that is the host by the settings. */
  readonly machine: number;
  /** Whether its site is out of service. */
  readonly outOfService: boolean;
}

/** The host of that name. @throws Refused naming those that there are */
export function placeOf(settings: ConnectedSettings, host: string): Place {
  const places = Object.entries(settings.sites).flatMap(([site, { existing, machines, outOfService }]) =>
    (existing?.gateways ?? []).map((gateway) => ({
      host: `${site}-${gateway.name}`,
      site,
      gateway: gateway.name,
      connection: settings.connections[`${site}-${gateway.name}`]!,
      machine: machines[gateway.name] ?? 1,
      outOfService,
    })),
  );
  const found = places.find((place) => place.host === host);
  if (found) return found;
  throw new Refused(
    `${host} is no host of the stack; its hosts are ${places.map((one) => one.host).join(", ")}`,
  );
}

/** What there is of the product on a host: nothing, exactly what was deployed, or something else. */
export type Standing = "empty" | "as deployed" | "other";

/** What a replacement does. */
export interface Steps {
  /** Changes of the settings, to be made before the deployment. */
  readonly changes: readonly SettingChange[];
  /** Whether the host still has to be deployed to. */
  readonly deploys: boolean;
  /** For a person. */
  readonly meaning: string;
}

/** Machines are numbered over all hosts of a stack: of two sites, the one with the higher number lost its data last. */
function nextMachine(settings: ConnectedSettings, deployed: readonly HostOutput[]): number {
  const used = Object.values(settings.sites).flatMap(({ machines }) => Object.values(machines));
  return Math.max(1, ...used, ...deployed.map(({ machine }) => machine)) + 1;
}

/**
 * What has to be done for a host, given what is on it. A replacement that was interrupted goes on where it stopped: its
 * machine's number is in the settings then, and not yet among what was deployed.
 * @throws Refused when the host isn't one that nothing was deployed to
 */
export function stepsFor(
  place: Place,
  standing: Standing,
  settings: ConnectedSettings,
  deployed: readonly HostOutput[],
): Steps {
  const { host, site, gateway, machine, outOfService } = place;
  const known = deployed.find(({ name }) => name === host);
  if (!known) throw new Refused(`${host} was never deployed: \`npm run pulumi -- up\` does that`);
  const inService: SettingChange[] = outOfService ? [{ path: `crossborder:sites.${site}.outOfService` }] : [];
  if (machine > known.machine) {
    return { changes: inService, deploys: true, meaning: `the replacement by machine ${machine} goes on` };
  }
  if (standing === "empty") {
    const next = nextMachine(settings, deployed);
    return {
      changes: [{ path: `crossborder:sites.${site}.machines.${gateway}`, value: next }, ...inService],
      deploys: true,
      meaning: `${host} is machine ${next} from now on`,
    };
  }
  if (standing === "as deployed" && !outOfService) {
    return { changes: [], deploys: false, meaning: `${host} has all that was deployed: nothing is replaced` };
  }
  throw new Refused(
    `${host} isn't empty: the product is on it already. If it is the host as it was, back with its disk, it needs no ` +
      `replacement: ${outOfService ? `take crossborder:sites.${site}.outOfService away and run` : "run"} ` +
      "`npm run pulumi -- up`. Otherwise reinstall it, and run this command again",
  );
}
