import type { HostOutput } from "../outputs/contract";
import type { LinkStatus } from "../providers/probes/status";
import type { Session, SshConnection } from "../providers/ssh/session";
import type { ConnectedSettings } from "../settings/load";
import type { SettingChange } from "../settings/stack";
import { lookAt } from "./host";
import { placeOf, stepsFor } from "./plan";
import { unproven } from "./proof";

/** What a replacement needs from the world. */
export interface Surroundings {
  settings(): Promise<ConnectedSettings>;
  /** The hosts as the last deployment left them. */
  deployed(): Promise<readonly HostOutput[]>;
  dial(connection: SshConnection): Promise<Session>;
  change(setting: SettingChange): Promise<void>;
  /** Takes the protection off a cloud's machine and its disk, and off nothing else. @throws Error when it can't */
  release(host: string): Promise<void>;
  /** Deploys the settings. @returns whether it succeeded */
  deploy(): Promise<boolean>;
  /** Measures what is deployed. */
  status(): Promise<LinkStatus>;
  /** Monotonic, ms. */
  now(): number;
  sleep(ms: number): Promise<void>;
  say(line: string): void;
}

/** Between looks at what isn't in order yet, ms. */
const POLL_MS = 5_000;

/** Longest wait for the pair's order after the deployment, ms: a site that returns has to catch up before it is preferred. */
const PROOF_MS = 15 * 60_000;

/** Waits until link, backup path, pair and replication are in order. @throws Error naming what isn't, in time */
async function prove(world: Surroundings): Promise<LinkStatus> {
  const deadline = world.now() + PROOF_MS;
  let said = "";
  for (;;) {
    const status = await world.status();
    const missing = unproven(status).join(", ");
    if (!missing) return status;
    if (missing !== said) world.say(`waiting: ${missing}`);
    said = missing;
    if (world.now() > deadline)
      throw new Error(`not in order ${PROOF_MS / 60_000} min after the deployment: ${missing}`);
    await world.sleep(POLL_MS);
  }
}

/**
 * Brings an empty machine into a lost host's place: in link, backup path, pair and replication, with a key and a certificate
 * of its own, and with the data of the other site. Interrupted, it goes on when it is called again.
 * Where a cloud made the host, the deployment has it make another machine, with another disk.
 * @param options.newDisk Whether the disk of such a host may go.
 * @returns what was measured in the end, which is in order.
 * @throws Refused with nothing changed; Error when the deployment or the proof failed
 */
export async function replaceHost(
  name: string,
  world: Surroundings,
  { newDisk }: { readonly newDisk: boolean } = { newDisk: false },
): Promise<LinkStatus> {
  const settings = await world.settings();
  const deployed = await world.deployed();
  const place = placeOf(settings, name, deployed);
  world.say(`1 of 3: look at ${name}`);
  const standing = await lookAt(place, deployed, (connection) => world.dial(connection));
  const { releases, changes, deploys, meaning } = stepsFor(place, standing, settings, deployed, newDisk);
  world.say(`        ${meaning}`);
  if (deploys) {
    world.say("2 of 3: deploy to it, and copy the other site's data");
    if (releases) await world.release(name);
    for (const change of changes) await world.change(change);
    if (!(await world.deploy())) {
      throw new Error(
        "the deployment failed; when its cause is gone, or a first copy that it waited for is done, run the same command again to go on",
      );
    }
  }
  world.say("3 of 3: prove it");
  return prove(world);
}
