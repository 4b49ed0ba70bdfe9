import type { HostOutput } from "../outputs/contract";
import type { SshConnection } from "../providers/ssh/session";
import type { ConnectedSettings } from "../settings/load";
import { gatewayNames } from "../settings/sites";
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
  /** Whether a cloud makes its machine, rather than an operator. */
  readonly made: boolean;
  /** How it is reached: as the settings say, or, where a cloud made it, as the last deployment left it. */
  readonly connection: SshConnection;
  /** Number of the machine that is the host by the settings. */
  readonly machine: number;
  /** Whether its site is out of service. */
  readonly outOfService: boolean;
}

/** The host of that name. @throws Refused naming those that there are, or where nothing was deployed to it */
export function placeOf(settings: ConnectedSettings, host: string, deployed: readonly HostOutput[]): Place {
  const places = Object.entries(settings.sites).flatMap(([site, { machines, outOfService, ...maker }]) =>
    gatewayNames(maker).map((gateway) => ({
      host: `${site}-${gateway}`,
      site,
      gateway,
      made: maker.existing === undefined,
      machine: machines[gateway] ?? 1,
      outOfService,
    })),
  );
  const found = places.find((place) => place.host === host);
  if (!found) {
    const names = places.map((one) => one.host).join(", ");
    throw new Refused(`${host} is no host of the stack; its hosts are ${names}`);
  }
  const known = deployed.find(({ name }) => name === host);
  if (!known) throw new Refused(`${host} was never deployed: \`npm run pulumi -- up\` does that`);
  return { ...found, connection: settings.connections[host] ?? known.connection };
}

/**
 * What there is of the product on a host: nothing, exactly what was deployed, or something else. A host that a cloud made is lost
 * when nobody with its key answers.
 */
export type Standing = "empty" | "as deployed" | "other" | "lost";

/** What a replacement does. */
export interface Steps {
  /** Whether the protection of the lost machine and of its disk is taken off first. */
  readonly releases: boolean;
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

/** How a host that isn't to be replaced as it stands becomes one that is. */
function otherwise({ made }: Place): string {
  return made ? "stop its machine in the cloud's console" : "reinstall it";
}

/**
 * What has to be done for a host, given what is on it. A replacement that was interrupted goes on where it stopped: its
 * machine's number is in the settings then, and not yet among what was deployed.
 * @param newDisk Whether the operator said that the disk of a lost machine may go.
 * @throws Refused when the host isn't one that nothing was deployed to, and isn't lost
 */
export function stepsFor(
  place: Place,
  standing: Standing,
  settings: ConnectedSettings,
  deployed: readonly HostOutput[],
  newDisk = false,
): Steps {
  const { host, site, gateway, made, machine, outOfService } = place;
  const known = deployed.find(({ name }) => name === host);
  const inService: SettingChange[] = outOfService ? [{ path: `crossborder:sites.${site}.outOfService` }] : [];
  if (machine > (known?.machine ?? 1)) {
    const meaning = `the replacement by machine ${machine} goes on`;
    return { releases: false, changes: inService, deploys: true, meaning };
  }
  if (standing === "lost" && !newDisk) {
    throw new Refused(
      `${host} is lost: nobody answers there with its key. Its cloud would delete its machine and its disk, with all that is on ` +
        "it, and make others; the address stays. Say so with --new-disk. If its disk is to be kept, start the machine in the " +
        "cloud's console, or make another for the disk: docs/dead-site.md",
    );
  }
  if (standing === "lost" || (standing === "empty" && !made)) {
    const next = nextMachine(settings, deployed);
    return {
      releases: made,
      changes: [{ path: `crossborder:sites.${site}.machines.${gateway}`, value: next }, ...inService],
      deploys: true,
      meaning: `${host} is machine ${next} from now on`,
    };
  }
  if (standing === "as deployed" && !outOfService) {
    const meaning = `${host} has all that was deployed: nothing is replaced`;
    return { releases: false, changes: [], deploys: false, meaning };
  }
  if (standing === "empty") {
    throw new Refused(
      `${host} isn't lost: it answers with its key, and has nothing of the product. \`npm run pulumi -- up\` configures it; ` +
        `otherwise ${otherwise(place)}, and run this command again`,
    );
  }
  throw new Refused(
    `${host} isn't ${made ? "lost" : "empty"}: the product is on it already. If it is the host as it was, back with its disk, it needs no ` +
      `replacement: ${outOfService ? `take crossborder:sites.${site}.outOfService away and run` : "run"} ` +
      `\`npm run pulumi -- up\`. Otherwise ${otherwise(place)}, and run this command again`,
  );
}
